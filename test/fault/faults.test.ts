import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { check } from './checkers/index.js';
import { FORM_NAMES } from './model/forms.js';
import type { History } from './model/history.js';
import { Random } from './model/random.js';
import { buildProcess } from './run/build.js';
import { FaultRun } from './run/fault-run.js';
import { FAULT_NAMES } from './run/faults.js';
import { explain, rowOf } from './run/report.js';

/** The same faults in every run, in the order of this seed; the long form is `npm run fault`. */
const SEED = 20;

// The upgrade is the first one, because servers of the old version do not have all features.
const ORDER = [
  'rolling-upgrade' as const,
  ...new Random(SEED).shuffled(FAULT_NAMES.filter((name) => name !== 'rolling-upgrade')),
];

describe('a service on a cluster, during each fault', () => {
  let folder: string;
  let history: History;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fault-'));
    await using built = await buildProcess();
    history = await FaultRun.execute({
      script: built.url,
      folder: join(folder, 'journals'),
      seed: SEED,
      faults: ORDER,
      messages: null,
      milliseconds: 0,
      rate: 200,
      scale: 0.3,
      replicas: 3,
      services: 2,
      ...(process.env.FAULT_LOG !== undefined && { onProgress: (line) => console.log(line) }),
    });
  }, 300_000);
  afterAll(() => rm(folder, { recursive: true }));

  it('keeps all promises', () => {
    const found = check(history).map((violation) => explain(violation, history));
    expect(found, `seed ${SEED}`).toEqual([]);
  });

  it('is affected by the faults, and works again after each one', () => {
    const { times, messages, lost, unfinished, duplicates } = rowOf('all', history);
    expect({ times, lost, unfinished }).toEqual({ times: FAULT_NAMES.length, lost: 0, unfinished: 0 });
    // Otherwise the faults would prove nothing.
    expect(messages).toBeGreaterThan(1_000);
    expect(duplicates).toBeGreaterThan(0);
    const kinds = new Set([...history.messages()].map(({ kind }) => kind));
    expect([...kinds]).toEqual(
      expect.arrayContaining(['stored', 'refused', 'repeated', 'failed', 'acknowledged']),
    );
    const outcomes = new Set(history.notesOf('key').map(({ outcome }) => outcome));
    expect([...outcomes].toSorted()).toEqual(['done', 'refused', 'unknown']);
  });

  it('handles messages with handlers of every form, holds locks and has leaders in turn', () => {
    const ended = new Set(
      [...history.messages()].flatMap(({ kind, form }) => (kind === 'ended' ? [form] : [])),
    );
    expect([...ended].toSorted()).toEqual(FORM_NAMES.toSorted());
    const holders = (resource: string): number =>
      new Set(history.notesOf('act').flatMap((act) => (act.resource === resource ? [act.process] : []))).size;
    expect(holders('lock')).toBeGreaterThan(1);
    expect(holders('leader')).toBeGreaterThan(0);
  });
});
