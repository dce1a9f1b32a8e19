import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { FORM_NAMES } from './model/forms.js';
import type { History } from './model/history.js';
import { Random } from './model/random.js';
import { buildProcess } from './run/build.js';
import { FaultRun } from './run/fault-run.js';
import { FAULT_NAMES, type FaultName } from './run/faults.js';
import { explain } from './run/report.js';
import { type Result, resultOf } from './run/results.js';

/** The same faults in every run, in the order of this seed; the long form is `npm run fault`. */
const SEED = 20;

/** The upgrade has a run of its own, of which not everything can be expected. */
const TOGETHER = new Random(SEED).shuffled(FAULT_NAMES.filter((name) => name !== 'rolling-upgrade'));

/** `FAULT_LOG=1` prints the progress, and the log of the service. */
const onProgress =
  process.env.FAULT_LOG === undefined
    ? undefined
    : (line: string) => console.log(`${performance.now().toFixed()} ${line}`);

/** Runs a service on a cluster with these faults. */
async function run(folder: string, faults: readonly FaultName[]): Promise<History> {
  await using built = await buildProcess();
  const history = await FaultRun.execute({
    script: built.url,
    folder: join(folder, 'journals'),
    seed: SEED,
    faults,
    messages: null,
    milliseconds: 0,
    rate: 200,
    pause: [0, 200],
    scale: 0.3,
    servers: 3,
    services: 2,
    onProgress,
  });
  return history;
}

/**
 * The figures of a history without violations. The reports of CI contain the text of a failure, but not the compared values.
 *
 * @throws AssertionError with all violations
 */
function resultWithoutViolations(history: History, folder: string): Result {
  const { result, violations } = resultOf(history, { fault: 'all', seed: SEED, server: '', seconds: 0 });
  const found = violations.map((violation) => explain(violation, history));
  expect(found, `seed ${SEED}, journals in ${folder}: ${found.join('\n')}`).toEqual([]);
  return result;
}

describe('a service on a cluster, during each fault', () => {
  let folder: string;
  let history: History;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fault-'));
    history = await run(folder, TOGETHER);
  }, 300_000);
  // The journals of a failed run are kept.
  afterEach(({ task }) => {
    if (task.result?.state === 'fail') folder = '';
  });
  afterAll(() => (folder === '' ? undefined : rm(folder, { recursive: true })));

  it('keeps all promises, and is affected by the faults', () => {
    const result = resultWithoutViolations(history, folder);
    const { injections, messages, lost, unfinished, repeated } = result;
    expect({ injections, lost, unfinished }).toEqual({
      injections: TOGETHER.length,
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

it('a service loses nothing during a rolling upgrade of its cluster', { timeout: 200_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'fault-'));
  const history = await run(folder, ['rolling-upgrade']);
  const { injections, messages, lost, unfinished } = resultWithoutViolations(history, folder);
  expect({ injections, lost, unfinished }).toEqual({ injections: 1, lost: 0, unfinished: 0 });
  expect(messages).toBeGreaterThan(500);
  await rm(folder, { recursive: true });
});
