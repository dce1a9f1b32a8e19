import { appendFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { History } from './history.js';
import { NumberSet } from './number-set.js';
import { Random } from './random.js';
import { Recorder } from './recorder.js';

it('reads what processes have recorded, without the incomplete end of a process that was killed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'history-'));
  const killed = new Recorder(folder, 3, true);
  killed.record('begun', 'async', { id: 5, sequence: 6, delivery: 7, at: 8.5, until: 9 });
  killed.record('ended', 'async', { id: 5, sequence: 6, delivery: 7, at: 10.25, until: 9 });
  killed.record('begun', 'batch', { id: 1 });
  killed.note({ type: 'act', resource: 'lock', fence: 2, at: 1 });
  appendFileSync(join(folder, '3.messages'), 'incomplete');
  appendFileSync(join(folder, '3.notes'), '{"type":"a');
  {
    using other = new Recorder(folder, 4, false);
    other.record('stored', 'event', { id: 2 ** 32 - 1, sequence: 1, at: 1, until: 2 });
  }
  const history = await History.read(folder);
  const async = { form: 'async', process: 3, id: 5, sequence: 6, delivery: 7, until: 9 };
  expect([...history.messages()]).toEqual([
    { ...async, kind: 'begun', at: 8.5 },
    { ...async, kind: 'ended', at: 10.25 },
    { kind: 'stored', form: 'event', process: 4, id: 2 ** 32 - 1, sequence: 1, delivery: 0, at: 1, until: 2 },
  ]);
  expect(history.notes).toEqual([{ type: 'act', resource: 'lock', fence: 2, at: 1, process: 3 }]);
  await rm(folder, { recursive: true });
});

it('knows writes of keys that had begun when their process was killed', () => {
  const write = { key: 'k', operation: 'put', invoked: 1, value: 5 } as const;
  const ended = { ...write, type: 'key', returned: 2, outcome: 'done', revision: 7, process: 1 } as const;
  const history = History.of(
    [],
    [{ ...write, type: 'key-start', process: 1 }, { ...write, type: 'key-start', process: 2 }, ended],
  );
  expect(history.keyOperations()).toEqual([
    ended,
    { ...write, type: 'key', returned: 1, outcome: 'unknown', revision: 0, process: 2 },
  ]);
});

it('repeats random numbers from a seed', () => {
  const draw = (seed: number) => {
    const random = new Random(seed);
    return [random.next(), random.between(5, 6), random.pick([1, 2, 3]), random.shuffled([1, 2, 3, 4, 5])];
  };
  expect(draw(1)).toEqual(draw(1));
  expect(draw(1)).not.toEqual(draw(2));
  const random = new Random(3);
  const numbers = Array.from({ length: 10_000 }, () => random.next());
  expect(Math.abs(numbers.reduce((a, b) => a + b) / numbers.length - 0.5)).toBeLessThan(0.02);
});

it('keeps a set of numbers', () => {
  const set = new NumberSet();
  for (const number of [5, 70_000, 5, 0]) set.add(number);
  expect([[...set], set.size, set.has(5), set.has(6)]).toEqual([[0, 5, 70_000], 3, true, false]);
});
