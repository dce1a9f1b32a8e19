import { Buffer } from 'node:buffer';
import type { MsgHdrs } from '@nats-io/transport-node';
import {
  DeadLetterReason,
  getDeadLettersToken,
  type DeadLetter,
  type DeadLetters,
  type JetStreamContext,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RawPublisher } from '../../connection/raw-publisher.js';
import { HOSTILE_BLOCKS } from '../../jetstream/streams/hostile-headers.js';
import { eventually } from '../../support/eventually.js';
import { all } from './all.js';
import { startFailing, type FailingApplication } from './failing-application.js';

type Line = readonly [name: string, value: string];

function blockOf(lines: readonly Line[]): string {
  return `NATS/1.0\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
}

/** Headers that may be lost or misread in transit, by the property that makes them special. */
const HEADERS: Readonly<Record<string, readonly Line[]>> = {
  'that are repeated': [
    ['A', '1'],
    ['A', '2'],
    ['A', '1'],
  ],
  'that are repeated in turns': [
    ['A', '1'],
    ['B', '2'],
    ['A', '3'],
    ['B', '4'],
  ],
  'that differ only in case': [
    ['Tenant', 'a'],
    ['tenant', 'b'],
    ['TENANT', 'c'],
  ],
  'without values': [
    ['Empty', ''],
    ['Empty', ''],
    ['Other', ''],
  ],
  'with colons in their values': [
    ['Url', 'http://a:b@c:80/'],
    ['Colons', ':::'],
    ['Starts', ': a'],
  ],
  'with names that no client writes': [
    ['Ten\u00e4nt', 'a'],
    ['With blank', 'b'],
    ['(odd)', 'c'],
    ['Plain', 'd'],
  ],
  'with other alphabets in their values': [
    ['Name', '\u4e2d\u6587 \u{1f600} \u00fc'],
    ['Right', '\u202eabc'],
  ],
  'that are long': [
    ['Long', 'x'.repeat(20_000)],
    ['Long', 'y'.repeat(20_000)],
    ['Last', '1'],
  ],
  'of 60 KB': [
    ['Long', 'x'.repeat(60_000)],
    ['Last', '1'],
  ],
  'of the maximum size of JetStream': [['Long', 'x'.repeat(65_400)]],
  'of 60 KB, with names that no client writes': [
    ['L\u00f6ng', 'x'.repeat(60_000)],
    ['Last', '1'],
  ],
  'in great number': Array.from({ length: 2_000 }, (_, i): Line => [`H${i % 700}`, `${i}`]),
  'of a dead letter': [
    ['Dead-Letter-Stream', 'OTHER'],
    ['Dead-Letter-Consumer', 'another'],
    ['Dead-Letter-Subject', '$JS.API.STREAM.DELETE.TASKS'],
    ['Dead-Letter-Sequence', '77'],
    ['Dead-Letter-Reason', 'none'],
    ['Dead-Letter-Time', 'never'],
    ['dead-letter-stream', 'lower'],
    ['Dead-Letter-Raw-Headers', Buffer.from(blockOf([['Forged', '1']])).toString('base64')],
    ['Dead-Letter-Headers-Length', '3'],
    ['Dead-Letter-Unknown', 'kept'],
  ],
  'that look as those that a dead letter keeps': [
    ['Dead-Letter-Nats-Rollup', 'all'],
    ['Dead-Letter-Original-Nats-Rollup', 'all'],
    ['Dead-Letter-Original-Dead-Letter-Original-A', 'b'],
    ['Dead-Letter-Original-', 'c'],
  ],
  'of replays': [['Dead-Letter-Replay', '5']],
};

/** Headers with instructions to the server. They are stored like other headers, since the server has executed them. */
const INSTRUCTIONS: readonly Line[] = [
  ['Nats-Msg-Id', 'the-id'],
  ['nats-msg-id', 'lower'],
  ['Nats-Expected-Stream', 'TASKS'],
  ['Nats-TTL', '1h'],
  ['Nats-Rollup', 'sub'],
  ['Nats-Unknown', 'x'],
  ['Nats-Stream', 'forged'],
  ['Nats-Sequence', '-1'],
  ['Plain', '1'],
];

describe('the headers of a dead letter', () => {
  let server: NatsTestServer;
  let application: FailingApplication;
  let letters: DeadLetters;
  let raw: RawPublisher;
  /** The headers that the handler received, and whether it fails. */
  let handled: Line[][] = [];
  let isFailing = true;
  /** Changes that the handler makes to the headers that it receives. */
  let change: (headers: MsgHdrs) => void = () => undefined;

  beforeAll(async () => {
    server = await NatsTestServer.start();
    application = await startFailing(server.url, {
      stream: {
        name: 'TASKS',
        subjects: ['tasks.>'],
        allowMessageTtl: true,
        allowRollup: true,
        allowDirect: true,
      },
      options: { retry: { maxDeliver: 1 } },
      handle: (_, { headers }: JetStreamContext) => {
        if (headers) change(headers);
        if (isFailing) throw new Error('no');
        handled.push(linesOf(headers));
      },
    });
    letters = application.app.get<DeadLetters>(getDeadLettersToken());
    raw = await RawPublisher.connect(server.url);
  });
  afterAll(async () => {
    await raw[Symbol.asyncDispose]();
    await application[Symbol.asyncDispose]();
    await server.stop();
  });
  beforeEach(() => {
    handled = [];
    isFailing = true;
  });

  /** Publishes a message that fails, and returns its dead letter. */
  async function letterOf(block: string | Buffer, payload = '{"id":1}'): Promise<DeadLetter> {
    await letters.dropAll({});
    await raw.publish('tasks.a', block, payload);
    const [letter] = await eventually(
      () => all(letters.list()),
      (found) => found.length > 0,
    );
    if (!letter) throw new Error('there is no dead letter');
    await application.settled();
    isFailing = false;
    return letter;
  }

  it.each(Object.entries(HEADERS))('are those of the original: headers %s', async (_, lines) => {
    const letter = await letterOf(blockOf(lines));
    expect(linesOf(letter.headers)).toEqual(grouped(lines));
    expect(letter).toMatchObject({ stream: 'TASKS', consumer: 'worker', subject: 'tasks.a' });
    expect(letter.reason).toBe(DeadLetterReason.DeliveriesUsedUp);
    expect(letter.text()).toBe('{"id":1}');
  });

  it.each(Object.entries(HEADERS))('are part of a replay to the handler: headers %s', async (_, lines) => {
    await letters.replay(await letterOf(blockOf(lines)), { to: 'handler' });
    expect(handled).toEqual([grouped(lines)]);
  });

  // A replay adds its own headers, for which those of the original have to leave room.
  const publishable = Object.entries(HEADERS).filter(([name]) => !name.startsWith('of the maximum'));
  it.each(publishable)('are part of a replay to the subject: headers %s', async (_, lines) => {
    const letter = await letterOf(blockOf(lines));
    await letters.replay(letter);
    await application.settled();
    const own = ['Dead-Letter-Replay', 'Nats-Msg-Id'];
    expect(handled).toHaveLength(1);
    expect(handled[0]?.filter(([name]) => !own.includes(name))).toEqual(
      grouped(lines).filter(([name]) => !own.includes(name)),
    );
    expect(handled[0]?.filter(([name]) => name === 'Dead-Letter-Replay')).toEqual([
      ['Dead-Letter-Replay', String(letter.sequence)],
    ]);
  });

  it('keep instructions to the server, but do not repeat them in a replay', async () => {
    const letter = await letterOf(blockOf(INSTRUCTIONS));
    expect(linesOf(letter.headers)).toEqual(INSTRUCTIONS);
    await letters.replay(letter);
    await application.settled();
    const names = handled[0]?.map(([name]) => name) ?? [];
    expect(names.filter((name) => name.startsWith('Nats-'))).toEqual(['Nats-Msg-Id']);
    expect(names).toContain('nats-msg-id');
    const stream = await application.jetstream.stream('TASKS');
    const replayed = await stream.getLastMessage('tasks.a');
    expect(replayed.headers?.get('Nats-Msg-Id')).toMatch(/^dead-letter-replay\./);
    expect(replayed.headers?.get('Nats-TTL')).toBe('');
  });

  it.each([
    ['Dead-Letter-Original-Nats-Rollup', 'all'],
    ['Dead-Letter-Nats-Rollup', 'all'],
    ['Dead-Letter-Original-Nats-TTL', '1s'],
    ['Dead-Letter-Raw-Headers', Buffer.from(blockOf([['Nats-Rollup', 'all']])).toString('base64')],
    ['Nats-Rollup', 'all'],
  ])('of a forged dead letter cannot make a replay execute an instruction: %s', async (name, value) => {
    await letterOf(blockOf([]));
    await letters.dropAll({});
    await application.publish('tasks.b', { id: 2 });
    const details: Line[] = [
      ['Dead-Letter-Stream', 'TASKS'],
      ['Dead-Letter-Consumer', 'worker'],
      ['Dead-Letter-Subject', 'tasks.a'],
      ['Dead-Letter-Sequence', '1'],
    ];
    await raw.publish('dead-letters.TASKS.worker', blockOf([...details, [name, value]]), '1');
    await letters.replayAll({});
    const stream = await application.jetstream.stream('TASKS');
    const last = await stream.getLastMessage('tasks.b');
    expect(last.json()).toEqual({ id: 2 });
    for (const instruction of ['Nats-Rollup', 'Nats-TTL']) {
      const [kept] = await all(stream.getLastMessages(['tasks.a']));
      expect(kept?.headers?.has(instruction) ?? false).toBe(false);
    }
    await letters.dropAll({});
  });

  it.each(Object.entries(HOSTILE_BLOCKS))('keep the whole block %s', async (_, block) => {
    const { rawHeaders, headers, streamSequence } = await letterOf(Buffer.from(block, 'latin1'));
    // The server removes the status when it stores a message.
    const { message } = await application.jetstream.api.call<{ message: { hdrs?: string } }>(
      'STREAM.MSG.GET.TASKS',
      { seq: streamSequence },
    );
    // Headers that are not stored as a block result in the same block again.
    const kept = rawHeaders ?? (headers ? Buffer.from(blockOf(linesOf(headers))) : undefined);
    const stored = Buffer.from(message.hdrs ?? '', 'base64');
    const isEmpty = stored.length === 0 || stored.toString() === blockOf([]);
    expect(kept && Buffer.from(kept)).toEqual(isEmpty ? undefined : stored);
  });

  it('are those of the original even if its handler changed them', async () => {
    change = (headers) => {
      headers.set('A', 'changed');
      headers.delete('B');
      headers.set('C', 'new');
    };
    const lines: Line[] = [
      ['A', '1'],
      ['B', '2'],
    ];
    expect(linesOf((await letterOf(blockOf(lines))).headers)).toEqual(lines);
    change = () => undefined;
  });

  it('do not make a stored message too large', async () => {
    const lines: Line[] = [
      ['Long', 'x'.repeat(60_000)],
      ['T\u00e4nant', 'a'],
    ];
    const room = 1_048_576 - 62_000 - 4_000;
    const letter = await letterOf(blockOf(lines), JSON.stringify('y'.repeat(room)));
    expect(linesOf(letter.headers)).toEqual(lines);
    expect(letter.json()).toHaveLength(room);
  });
});

/** All lines of headers, in the order of their names. */
function linesOf(headers: MsgHdrs | undefined): Line[] {
  return [...(headers ?? [])].flatMap(([name, values]) => values.map((value): Line => [name, value]));
}

/** Lines of the same name one after the other, as headers are listed. */
function grouped(lines: readonly Line[]): Line[] {
  const names = [...new Set(lines.map(([name]) => name))];
  return names.flatMap((name) => lines.filter((line) => line[0] === name));
}
