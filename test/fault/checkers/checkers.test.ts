import { describe, expect, it } from 'vitest';
import { History } from '../model/history.js';
import type { Form } from '../model/forms.js';
import type { FaultNote, Note } from '../model/notes.js';
import type { Kind, MessageEvent } from '../model/records.js';
import { explain } from '../run/report.js';
import { check, duplicatesOf, lostOf, unfinishedOf } from './index.js';

type Event = Partial<MessageEvent>;

/** The server's time at which a message was stored. */
const STORED_AT = 1_700_000_000_000;

/** An event of a message whose id is its sequence; times are those of its place in the history. */
function event(kind: Kind, form: Form, id: number, more: Event = {}): Event {
  const isPublish = kind === 'stored' || kind === 'refused' || kind === 'unknown';
  return { kind, form, id, sequence: id, ...(isPublish ? {} : { until: STORED_AT + id }), ...more };
}

/** What happens to a message that is handled once. */
function handled(form: Form, id: number, process = 1): Event[] {
  return [
    event('stored', form, id),
    event('begun', form, id, { process, delivery: id }),
    event('ended', form, id, { process, delivery: id }),
    event('acknowledged', form, id),
  ];
}

function fault(more: Partial<FaultNote>): FaultNote {
  const none = { separatesLeaders: false, deletesStream: false, deletesConsumer: false };
  return { type: 'fault', name: 'a fault', began: 0, healed: 1, recovered: 2, recovery: 1, ...none, ...more };
}

/** The promises that a history breaks. */
function broken(events: readonly Event[], notes: readonly (Note & { process?: number })[] = []): string[] {
  return [...new Set(check(History.of(events, notes)).map(({ promise }) => promise))];
}

const consumer = (form: Form, more: Partial<Note & { type: 'consumer' }> = {}): Note => ({
  type: 'consumer',
  form,
  delivered: 0,
  pending: 0,
  unacknowledged: 0,
  ...more,
});

describe('a history is correct', () => {
  it.each<[string, Event[], Note[]]>([
    ['without events', [], []],
    [
      'with messages that are handled once',
      [...handled('sync', 1), ...handled('batch', 2), ...handled('keyed', 3)],
      [],
    ],
    [
      'if a message is redelivered before it is acknowledged',
      [
        event('stored', 'async', 1),
        event('begun', 'async', 1),
        event('failed', 'async', 1),
        event('repeated', 'async', 1, { process: 2 }),
        event('ended', 'async', 1, { process: 2 }),
        event('acknowledged', 'async', 1),
      ],
      [],
    ],
    [
      'if a message without an id is stored twice after an unknown outcome',
      [
        event('unknown', 'sync', 1),
        event('ended', 'sync', 1, { sequence: 1 }),
        event('ended', 'sync', 1, { sequence: 2 }),
      ],
      [],
    ],
    ['if a refused publish is not delivered', [event('refused', 'sync', 1, { sequence: 0 })], []],
    ['if a publish of an unknown outcome is delivered', handled('sync', 1).slice(1), []],
    [
      'if messages of a deleted stream are not handled',
      [event('stored', 'sync', 1, { at: 5, until: 6 })],
      [fault({ began: 7, healed: 8, recovered: 9, deletesStream: true })],
    ],
    [
      'if one message of a key is handled, and the other one acknowledged',
      [
        event('stored', 'idempotent', 0, { sequence: 10 }),
        event('stored', 'idempotent', 1, { sequence: 11 }),
        event('begun', 'idempotent', 0, { sequence: 10 }),
        event('ended', 'idempotent', 0, { sequence: 10 }),
        event('acknowledged', 'idempotent', 0, { sequence: 10 }),
        event('acknowledged', 'idempotent', 0, { sequence: 11 }),
      ],
      [],
    ],
    [
      'if an acknowledgement covers messages that have ended',
      [
        event('stored', 'cumulative', 1),
        event('stored', 'cumulative', 2),
        event('begun', 'cumulative', 1),
        event('begun', 'cumulative', 2),
        event('ended', 'cumulative', 1),
        event('ended', 'cumulative', 2),
        event('acknowledged', 'cumulative', 2),
      ],
      [],
    ],
    [
      'if a result is delivered twice',
      [
        ...handled('forward', 1),
        event('ended', 'forwarded', 1, { sequence: 9 }),
        event('ended', 'forwarded', 1, { sequence: 9 }),
      ],
      [consumer('forwarded', { delivered: 2 })],
    ],
    [
      'if a new leader of the consumer delivers a message as if it was new',
      [
        event('begun', 'keyed', 17, { delivery: 5, at: 10 }),
        event('ended', 'keyed', 17, { at: 11 }),
        event('begun', 'keyed', 1, { delivery: 6, at: 20 }),
        event('ended', 'keyed', 1, { at: 21 }),
      ],
      [{ type: 'election', asset: 'WORK/keyed', at: 15 }],
    ],
    [
      'if a process that lost its claim marks the key while another one begins',
      [
        event('begun', 'idempotent', 2, { at: 0 }),
        event('ended', 'idempotent', 2, { at: 2_500 }),
        event('acknowledged', 'idempotent', 2, { at: 2_501 }),
        event('repeated', 'idempotent', 2, { process: 2, at: 2_503 }),
        event('ended', 'idempotent', 2, { process: 2, at: 2_510 }),
      ],
      [],
    ],
    [
      'if holders follow each other',
      [],
      [
        { type: 'act', resource: 'lock', fence: 1, at: 10 },
        { type: 'act', resource: 'lock', fence: 1, at: 20 },
        { type: 'act', resource: 'lock', fence: 5, at: 21, process: 2 } as Note,
      ],
    ],
  ])('%s', (_, events, notes) => {
    // The number of deliveries is only known in complete runs.
    expect(broken(events, notes).filter((promise) => promise !== 'counters add up')).toEqual([]);
  });

  it('if a new leader of a consumer does not count the deliveries that it does not know', () => {
    const elections: Note[] = [1, 2].map((at) => ({ type: 'election', asset: 'WORK/sync', at }));
    const events = [...handled('sync', 1), ...handled('sync', 2)];
    expect(broken(events, [consumer('sync', { delivered: 1 }), fault({}), ...elections])).toEqual([]);
  });
});

describe('a checker finds', () => {
  it.each<[string, string, Event[], (Note & { process?: number })[]]>([
    ['a lost message', 'nothing is lost', [event('stored', 'sync', 1), ...handled('sync', 2)], []],
    ['a lost message of an ephemeral consumer', 'nothing is lost', [event('stored', 'ephemeral', 1)], []],
    [
      'a message whose handler never ended',
      'nothing is lost',
      [event('stored', 'sync', 1), event('begun', 'sync', 1), event('failed', 'sync', 1)],
      [],
    ],
    [
      'a message that is still stored when the run ends',
      'recovery',
      [event('stored', 'sync', 1)],
      [consumer('sync', { pending: 1 })],
    ],
    [
      'two messages that got the same sequence',
      'stored once',
      [...handled('sync', 1), event('stored', 'async', 2, { sequence: 1 }), event('ended', 'async', 2)],
      [],
    ],
    [
      'a message with an id that is stored twice',
      'stored once',
      [event('ended', 'keyed', 1, { sequence: 1 }), event('ended', 'keyed', 1, { sequence: 2 })],
      [],
    ],
    [
      'an acknowledgement before the end',
      'nothing is acknowledged unfinished',
      [
        event('stored', 'async', 1),
        event('begun', 'async', 1),
        event('acknowledged', 'async', 1),
        event('ended', 'async', 1),
      ],
      [],
    ],
    [
      'an acknowledgement without a handler',
      'nothing is acknowledged unfinished',
      [event('unknown', 'async', 1), event('acknowledged', 'async', 1)],
      [],
    ],
    [
      'the acknowledgement of another incarnation of the stream',
      'nothing is acknowledged unfinished',
      [...handled('async', 1), event('acknowledged', 'async', 1, { until: STORED_AT + 60_000 })],
      [],
    ],
    [
      'an acknowledgement that covers an unfinished message',
      'nothing is acknowledged unfinished',
      [
        event('stored', 'cumulative', 1),
        event('stored', 'cumulative', 2),
        event('begun', 'cumulative', 2),
        event('ended', 'cumulative', 2),
        event('acknowledged', 'cumulative', 2),
        event('ended', 'cumulative', 1),
      ],
      [],
    ],
    [
      'two messages of a key at once',
      'order',
      [event('begun', 'keyed', 1, { delivery: 1 }), event('begun', 'keyed', 17, { delivery: 2 })],
      [],
    ],
    [
      'messages of a key in another order',
      'order',
      [
        event('begun', 'keyed', 17, { delivery: 1 }),
        event('ended', 'keyed', 17),
        event('begun', 'keyed', 1, { delivery: 2 }),
        event('ended', 'keyed', 1),
      ],
      [],
    ],
    [
      'messages of a key in another order, long after an election',
      'order',
      [
        event('begun', 'keyed', 17, { delivery: 1, at: 20_000 }),
        event('ended', 'keyed', 17, { at: 20_001 }),
        event('begun', 'keyed', 1, { delivery: 2, at: 20_002 }),
        event('ended', 'keyed', 1, { at: 20_003 }),
      ],
      [{ type: 'election', asset: 'WORK/keyed', at: 1 }],
    ],
    ['an order that goes back', 'order', [event('begun', 'ordered', 2), event('begun', 'ordered', 1)], []],
    [
      'a repeated message in order',
      'order',
      [event('begun', 'ordered', 1), event('begun', 'ordered', 1)],
      [],
    ],
    [
      'an old value in a watch',
      'order',
      [],
      [
        { type: 'received', source: 'watch a', number: 2, at: 1 },
        { type: 'received', source: 'watch a', number: 1, at: 2 },
      ],
    ],
    [
      'a core message that is delivered twice to a queue',
      'order',
      [],
      [
        { type: 'received', source: 'shared', number: 1, at: 1 },
        { type: 'received', source: 'shared', number: 1, at: 2, process: 2 },
      ],
    ],
    [
      'a repeated effect of a redelivery',
      'one effect',
      [...handled('idempotent', 2), event('repeated', 'idempotent', 2), event('ended', 'idempotent', 2)],
      [],
    ],
    [
      'an effect that is repeated long after a claim was lost',
      'one effect',
      [
        event('begun', 'idempotent', 2, { at: 0 }),
        event('ended', 'idempotent', 2, { at: 2_500 }),
        event('acknowledged', 'idempotent', 2, { at: 2_501 }),
        event('repeated', 'idempotent', 2, { process: 2, at: 4_600 }),
        event('ended', 'idempotent', 2, { process: 2, at: 4_700 }),
      ],
      [],
    ],
    [
      'an effect of a second message of the key',
      'one effect',
      [...handled('idempotent', 2), ...handled('idempotent', 3, 2)],
      [],
    ],
    [
      'a second result',
      'one result',
      [
        ...handled('forward', 1),
        event('ended', 'forwarded', 1, { sequence: 8 }),
        event('ended', 'forwarded', 1, { sequence: 9 }),
      ],
      [],
    ],
    ['a missing result', 'one result', handled('forward', 1), [consumer('forwarded')]],
    [
      'a holder that acts after the next one',
      'one holder',
      [],
      [
        { type: 'act', resource: 'lock', fence: 1, at: 10 },
        { type: 'act', resource: 'lock', fence: 5, at: 15, process: 2 },
        { type: 'act', resource: 'lock', fence: 1, at: 20 },
      ],
    ],
    [
      'two leaders with one fence',
      'one leader',
      [],
      [
        { type: 'act', resource: 'leader', fence: 1, at: 10 },
        { type: 'act', resource: 'leader', fence: 1, at: 15, process: 2 },
      ],
    ],
    [
      'a fence that is smaller than an earlier one',
      'one holder',
      [],
      [
        { type: 'act', resource: 'lock', fence: 5, at: 10 },
        { type: 'act', resource: 'lock', fence: 1, at: 20, process: 2 },
      ],
    ],
    [
      'a delivery that never ends',
      'counters add up',
      [],
      [{ type: 'counts', form: 'sync', started: 2, ended: 1, returned: 0, measured: 1 }],
    ],
    [
      'metrics that do not agree',
      'counters add up',
      [],
      [{ type: 'counts', form: 'sync', started: 2, ended: 2, returned: 1, measured: 2 }],
    ],
    [
      'more deliveries than the server has made',
      'counters add up',
      [...handled('sync', 1), ...handled('sync', 2)],
      [consumer('sync', { delivered: 1 }), fault({})],
    ],
    [
      'a delivery that was not received without a fault',
      'counters add up',
      handled('sync', 1),
      [consumer('sync', { delivered: 2 })],
    ],
    [
      'memory that grows',
      'nothing is left behind',
      [],
      Array.from({ length: 15 }, (_, i) => ({ type: 'memory' as const, heap: i * 10_000_000, at: i })),
    ],
    ['what a process reports', 'no problem', [], [{ type: 'problem', text: 'wrong content', at: 1 }]],
  ])('%s', (_, promise, events, notes) => {
    expect(broken(events, notes)).toEqual([promise]);
  });

  it('as many lost, unfinished and repeated messages as there are', () => {
    const history = History.of([
      event('stored', 'sync', 1),
      event('stored', 'sync', 2),
      ...handled('async', 3),
      event('ended', 'async', 3),
      event('acknowledged', 'batch', 4),
    ]);
    expect([lostOf(history), unfinishedOf(history).length, duplicatesOf(history)]).toEqual([2, 1, 1]);
  });
});

it('explains a violation by the events of its message and the faults meanwhile, and nothing else', () => {
  const history = History.of(
    [
      ...handled('async', 7),
      event('stored', 'async', 1, { at: 10, until: 11 }),
      event('begun', 'async', 1, { at: 12, delivery: 1 }),
      event('acknowledged', 'async', 1, { at: 13 }),
      event('ended', 'async', 1, { at: 14, delivery: 1 }),
    ],
    [
      fault({ name: 'early', began: 1, healed: 2, recovered: 3 }),
      fault({ name: 'cut', began: 12, healed: 13, recovered: 13 }),
    ],
  );
  const [violation] = check(history).filter(({ promise }) => promise.includes('unfinished'));
  expect(
    explain(violation, history)
      .split('\n')
      .map((line) => line.trim().replace(/ +/g, ' ')),
  ).toEqual([
    'nothing is acknowledged unfinished: async: sequence 1 (message 1) was acknowledged before its handler had ended',
    '0.0 ms process 1: async stored: message 1, sequence 1, published 1.0 ms before',
    '1.0 ms process 1: async begun: message 1, sequence 1, delivery 1',
    '1.0 ms fault cut begins',
    '2.0 ms process 1: async acknowledged: sequence 1, delivery 0',
    '2.0 ms fault cut ends',
    '2.0 ms every handler works again',
    '3.0 ms process 1: async ended: message 1, sequence 1, delivery 1',
  ]);
});
