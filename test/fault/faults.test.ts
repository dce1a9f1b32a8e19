import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FORM_NAMES } from './model/forms.js';
import type { History } from './model/history.js';
import { Random } from './model/random.js';
import { buildProcess } from './run/build.js';
import { FaultRun } from './run/fault-run.js';
import { FAULT_NAMES } from './run/faults.js';
import { explain } from './run/report.js';
import { resultOf } from './run/results.js';

/** The same faults in every run, in the order of this seed; the long form is `npm run fault`. */
const SEED = 20;

// The upgrade is the first one, because servers of the old version do not have all features.
const ORDER = [
  'rolling-upgrade' as const,
  ...new Random(SEED).shuffled(FAULT_NAMES.filter((name) => name !== 'rolling-upgrade')),
];

/** `FAULT_LOG=1` prints the progress, and the log of the service. */
const onProgress =
  process.env.FAULT_LOG === undefined
    ? undefined
    : (line: string) => console.log(`${performance.now().toFixed()} ${line}`);

describe('a service on a cluster, during each fault', () => {
  let folder: string;
  let history: History;
  let isKept = false;

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
      pause: [0, 200],
      scale: 0.3,
      servers: 3,
      services: 2,
      onProgress,
    });
  }, 300_000);
  afterAll(() => (isKept ? undefined : rm(folder, { recursive: true })));

  it('keeps all promises, and is affected by the faults', () => {
    const { result, violations } = resultOf(history, {
      fault: 'all',
      seed: SEED,
      server: '',
      seconds: 0,
    });
    // The reports of CI contain the text of a failure, but not the compared values; the journals are kept then.
    const found = violations.map((violation) => explain(violation, history));
    isKept = found.length > 0;
    expect(found, `seed ${SEED}, journals in ${folder}: ${found.join('\n')}`).toEqual([]);
    const { injections, messages, lost, unfinished, repeated } = result;
    expect({ injections, lost, unfinished }).toEqual({
      injections: FAULT_NAMES.length,
      lost: 0,
      unfinished: 0,
    });
    // Otherwise the faults would prove nothing.
    expect(messages).toBeGreaterThan(1_000);
    expect(repeated).toBeGreaterThan(0);
    const kinds = new Set([...history.messages()].map(({ kind }) => kind));
    expect([...kinds]).toEqual(
      expect.arrayContaining(['stored', 'refused', 'repeated', 'failed', 'acknowledged']),
    );
    const outcomes = new Set(history.keyOperations().map(({ outcome }) => outcome));
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
