import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { check, type Violation } from './checkers/index.js';
import { buildProcess, type Patch } from './run/build.js';
import { FaultRun } from './run/fault-run.js';

/** Bugs in a copy of the library, and the promises that they break. */
const BUGS: Readonly<
  Record<string, { readonly patch: Patch; readonly breaks: string; readonly text: RegExp }>
> = {
  'an acknowledgement before the handler ends': {
    patch: {
      file: 'consuming/running/slot.ts',
      replace: 'return pendingResult(this.route.handler(message));',
      by: 'const result = pendingResult(this.route.handler(message)); message.ack(); return result;',
    },
    breaks: 'nothing is acknowledged unfinished',
    text: /^async: sequence \d+ \(message \d+\) was acknowledged before its handler had ended/,
  },
  'a lost redelivery': {
    patch: {
      file: 'consuming/running/slot.ts',
      replace: 'return pendingResult(this.route.handler(message));',
      by: 'return message.metadata.deliveryCount > 1 ? undefined : pendingResult(this.route.handler(message));',
    },
    breaks: 'nothing is lost',
    text: /^async: message \d+ was acknowledged by its stream, and no handler has ended it/,
  },
  'two leaders': {
    patch: {
      file: 'key-value/locks/lock-contender.ts',
      replace: 'return Math.max(0, this.seenAt + this.holder.ttl - performance.now());',
      by: 'return 0;',
    },
    breaks: 'one leader',
    text: /^leader: process \d+ acts with fence \d+, .* after process \d+ acted with fence \d+/,
  },
  'a repeated effect': {
    patch: {
      file: 'consuming/idempotence/claims.ts',
      replace: "if (found?.state === 'done') return DONE;",
      by: '',
    },
    breaks: 'one effect',
    text: /^idempotent: the handler began again for key \d+, which had been acknowledged/,
  },
};

describe('a run without faults', { timeout: 120_000 }, () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'planted-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function violationsWith(name: string, services: number, patch?: Patch): Promise<Violation[]> {
    await using built = await buildProcess(patch);
    const history = await FaultRun.execute({
      script: built.url,
      folder: join(folder, name.replaceAll(' ', '-')),
      seed: 1,
      faults: [],
      messages: null,
      milliseconds: 2_000,
      rate: 200,
      pause: [100, 100],
      scale: 1,
      servers: 1,
      services,
    });
    return check(history);
  }

  it.each(Object.entries(BUGS))('finds %s', async (name, { patch, breaks, text }) => {
    const found = (await violationsWith(name, name === 'two leaders' ? 2 : 1, patch)).filter(
      ({ promise }) => promise === breaks,
    );
    expect(found.map((violation) => violation.text)).toContainEqual(expect.stringMatching(text));
  });

  it('finds nothing in the library as it is, and every delivery is counted', async () => {
    expect(await violationsWith('none', 2)).toEqual([]);
  });
});

it('fails if the place of a planted bug is not in the library', async () => {
  const patch = { file: 'index.ts', replace: 'no such code', by: '' };
  await expect(buildProcess(patch)).rejects.toThrow(
    'lib/index.ts contains the patched place 0 times: no such code',
  );
});
