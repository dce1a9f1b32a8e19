import { describe, expect, it } from 'vitest';
import { History } from '../model/history.js';
import type { FaultNote, KeyOperation, Note } from '../model/notes.js';
import { Random } from '../model/random.js';
import { explain } from '../run/report.js';
import { checkKeys, problemOf } from './keys.js';

type Given = Partial<KeyOperation> & Pick<KeyOperation, 'operation'>;

/** An operation from one time to another. */
function op(
  operation: KeyOperation['operation'],
  [invoked, returned]: [number, number],
  more: Partial<KeyOperation> = {},
): KeyOperation {
  const none: Given = { operation, value: null, revision: 0, outcome: 'done' };
  return { type: 'key', key: 'k', invoked, returned, ...none, ...more } as KeyOperation;
}

describe('operations are linearizable', () => {
  it.each<[string, KeyOperation[]]>([
    ['if there are none', []],
    [
      'if they follow each other',
      [
        op('put', [0, 1], { value: 1, revision: 1 }),
        op('get', [2, 3], { value: 1, revision: 1 }),
        op('update', [4, 5], { value: 2, revision: 2, expected: 1 }),
        op('delete', [6, 7], { revision: 3 }),
        op('get', [8, 9]),
        op('create', [10, 11], { value: 3, revision: 4 }),
      ],
    ],
    [
      'if reads during a write differ',
      [
        op('put', [0, 1], { value: 1, revision: 1 }),
        op('put', [2, 10], { value: 2, revision: 2 }),
        op('get', [3, 4], { value: 1, revision: 1 }),
        op('get', [5, 6], { value: 2, revision: 2 }),
      ],
    ],
    [
      'if a deletion reports the marker of another one, because its own acknowledgement was lost',
      [
        op('put', [0, 1], { value: 1, revision: 1 }),
        op('delete', [2, 9], { revision: 2 }),
        op('delete', [3, 4], { revision: 2 }),
        op('get', [5, 6]),
        op('create', [7, 8], { value: 2, revision: 3 }),
      ],
    ],
    [
      'if an unknown write takes effect later',
      [
        op('put', [0, 1], { value: 1, revision: 1 }),
        op('put', [2, 3], { value: 2, outcome: 'unknown' }),
        op('get', [4, 5], { value: 1, revision: 1 }),
        op('get', [6, 7], { value: 2, revision: 2 }),
      ],
    ],
    [
      'if an unknown write never takes effect',
      [
        op('put', [0, 1], { value: 1, revision: 1 }),
        op('update', [2, 3], { value: 2, outcome: 'unknown', expected: 1 }),
        op('update', [4, 5], { value: 3, revision: 2, expected: 1 }),
      ],
    ],
    [
      'if one of two concurrent updates is refused',
      [
        op('put', [0, 1], { value: 1, revision: 1 }),
        op('update', [2, 9], { value: 2, revision: 2, expected: 1 }),
        op('update', [3, 8], { value: 3, outcome: 'refused', expected: 1 }),
      ],
    ],
    [
      'if a create is refused while the key has a value',
      [op('put', [0, 1], { value: 1, revision: 1 }), op('create', [2, 3], { value: 2, outcome: 'refused' })],
    ],
    ['if an unknown read is ignored', [op('get', [0, 1], { value: 5, outcome: 'unknown' })]],
  ])('%s', (_, operations) => {
    expect(problemOf(operations)).toBeUndefined();
  });
});

describe('operations are not linearizable', () => {
  it.each<[string, KeyOperation[]]>([
    [
      'if a read returns an old value',
      [
        op('put', [0, 1], { value: 1, revision: 1 }),
        op('put', [2, 3], { value: 2, revision: 2 }),
        op('get', [4, 5], { value: 1, revision: 1 }),
      ],
    ],
    ['if a written value is not there', [op('put', [0, 1], { value: 1, revision: 1 }), op('get', [2, 3])]],
    ['if a value was never written', [op('get', [0, 1], { value: 1, revision: 1 })]],
    [
      'if a deletion has the revision of a value',
      [op('put', [0, 1], { value: 1, revision: 1 }), op('delete', [2, 3], { revision: 1 })],
    ],
    [
      'if a read returns a value before it is written',
      [op('get', [0, 1], { value: 1, revision: 1 }), op('put', [2, 3], { value: 1, revision: 1 })],
    ],
    [
      'if reads go back',
      [
        op('put', [0, 1], { value: 1, revision: 1 }),
        op('put', [2, 20], { value: 2, revision: 2 }),
        op('get', [3, 4], { value: 2, revision: 2 }),
        op('get', [5, 6], { value: 1, revision: 1 }),
      ],
    ],
    [
      'if two updates of one revision succeed',
      [
        op('put', [0, 1], { value: 1, revision: 1 }),
        op('update', [2, 9], { value: 2, revision: 2, expected: 1 }),
        op('update', [3, 8], { value: 3, revision: 3, expected: 1 }),
      ],
    ],
    [
      'if a refused update took effect',
      [
        op('put', [0, 1], { value: 1, revision: 1 }),
        op('update', [2, 3], { value: 2, outcome: 'refused', expected: 1 }),
        op('get', [4, 5], { value: 2, revision: 2 }),
      ],
    ],
    [
      'if an update is refused without a reason',
      [
        op('put', [0, 1], { value: 1, revision: 1 }),
        op('update', [2, 3], { value: 2, outcome: 'refused', expected: 1 }),
      ],
    ],
    [
      'if two creates succeed',
      [op('create', [0, 1], { value: 1, revision: 1 }), op('create', [2, 3], { value: 2, revision: 2 })],
    ],
    [
      'if a create is refused although there is no value',
      [op('create', [0, 1], { value: 1, outcome: 'refused' })],
    ],
    [
      'if revisions go back',
      [op('put', [0, 1], { value: 1, revision: 5 }), op('put', [2, 3], { value: 2, revision: 4 })],
    ],
    [
      'if a value has two revisions',
      [op('put', [0, 1], { value: 1, revision: 1 }), op('get', [2, 3], { value: 1, revision: 2 })],
    ],
    [
      'if an unknown write takes effect twice',
      [
        op('put', [0, 1], { value: 1, outcome: 'unknown' }),
        op('get', [2, 3], { value: 1, revision: 1 }),
        op('put', [4, 5], { value: 2, revision: 2 }),
        op('get', [6, 7], { value: 1, revision: 1 }),
      ],
    ],
  ])('%s', (_, operations) => {
    expect(problemOf(operations)).toBeDefined();
  });
});

describe('random histories of a register', () => {
  it.each([1, 2, 3, 4, 5])('are linearizable, and not after one result is changed (seed %i)', (seed) => {
    const operations = randomHistory(new Random(seed), 400);
    expect(problemOf(operations)).toBeUndefined();
    const reads = operations.flatMap(({ operation, value }, i) =>
      operation === 'get' && value !== null && i > 40 ? [i] : [],
    );
    const changed = reads[reads.length >> 1];
    // The first value was overwritten long before.
    const [{ value, revision }] = operations;
    const wrong = operations.map((each, i) => (i === changed ? { ...each, value, revision } : each));
    expect(problemOf(wrong)).toBeDefined();
  });
});

it('does not check reads while a leader may be separated from the other servers', () => {
  const operations = [
    op('put', [0, 1], { value: 1, revision: 1 }),
    op('put', [2, 3], { value: 2, revision: 2 }),
    op('get', [4, 5], { value: 1, revision: 1 }),
  ];
  const fault = (began: number, recovered: number): FaultNote => ({
    type: 'fault',
    name: 'partition',
    began,
    healed: recovered,
    recovered,
    recovery: 0,
    separatesLeaders: true,
    deletesStream: false,
    deletesConsumer: false,
  });
  expect(checkKeys(History.of([], [...operations, fault(0, 4.5)]))).toEqual([]);
  expect(checkKeys(History.of([], [...operations, fault(6, 9)]))).toHaveLength(1);
  const election = (at: number): Note => ({ type: 'election', asset: 'KV_registers', at });
  expect(checkKeys(History.of([], [...operations, election(4)]))).toEqual([]);
  expect(checkKeys(History.of([], [...operations, election(2_000)]))).toHaveLength(1);
});

it('shows the operations until the first one that no order explains', () => {
  const operations = [
    op('put', [0, 1], { value: 1, revision: 1 }),
    op('put', [2, 3], { value: 2, revision: 2 }),
    op('get', [4, 5], { value: 1, revision: 1 }),
    op('put', [6, 7], { value: 3, revision: 3 }),
    op('get', [8, 9], { value: 3, revision: 3 }),
  ];
  const history = History.of([], operations);
  const [violation] = checkKeys(history);
  expect(violation.about).toEqual({ key: 'k', until: 5 });
  expect(explain(violation, history).split('\n')).toHaveLength(4);
});

/** Operations of several clients on one register; some writes have an unknown outcome. */
function randomHistory(random: Random, count: number): KeyOperation[] {
  let value: number | null = null;
  let revision = 0;
  let time = 0;
  const operations: KeyOperation[] = [];
  for (let i = 1; i <= count; i++) {
    // Each takes effect at its own time, and overlaps with some others.
    time += 1;
    const window: [number, number] = [time - random.between(0, 3), time + random.between(0, 3)];
    if (i === 1 || random.next() < 0.5) {
      value = i;
      revision++;
      const isUnknown = i > 1 && random.next() < 0.05;
      operations.push(op('put', window, isUnknown ? { value, outcome: 'unknown' } : { value, revision }));
    } else operations.push(op('get', window, { value, revision }));
  }
  return operations;
}
