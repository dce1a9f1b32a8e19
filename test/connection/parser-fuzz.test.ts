import { Kind, Parser, type MsgArg, type ParserEvent } from '@nats-io/transport-node';
import { expect, it } from 'vitest';
import { GuardedParser } from '../../lib/connection/wire/guarded-parser.js';
import type { ChunkParser } from '../../lib/connection/wire/link-transport.js';
import { MessageParser } from '../../lib/connection/wire/message-parser.js';

/** `FUZZ_SEED` repeats a run. */
const SEED = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));
const STREAMS = 50_000;

/** Random numbers below a bound, the same ones for the same seed. */
function randomOf(seed: number): (below: number) => number {
  let state = seed % 2_147_483_647 || 1;
  return (below) => (state = (state * 48_271) % 2_147_483_647) % below;
}

type Random = ReturnType<typeof randomOf>;

/** The events that a parser has found, each as a text. */
class Events {
  readonly seen: string[] = [];
  push(event: ParserEvent): void {
    if (event.kind === Kind.MSG && event.msg && event.data) return this.message(event.msg, event.data);
    this.seen.push(`${event.kind} ${latin1(event.data)}`);
  }
  message({ subject, reply, sid, hdr, size }: MsgArg, data: Uint8Array): void {
    // Without headers, the client says -1.
    const headers = Math.max(hdr, 0);
    this.seen.push(`${latin1(subject)} ${latin1(reply)} ${sid} ${headers} ${size} ${latin1(data)}`);
  }
}

function latin1(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? '' : Buffer.from(bytes).toString('latin1');
}

/** The parser of the library, before the client's. */
function ours(events: Events): ChunkParser {
  const parser = new Parser(events);
  return new MessageParser(parser, {
    onMessage: (message) => message.forward((...parts) => events.message(...parts)),
  });
}

const SUBJECTS = ['a', 'orders.created', '_INBOX.abc.1', '$JS.ACK.S.C.1.2.3.4.5', 'ü.x', 'x'.repeat(300)];

function bytesOf(length: number, random: Random): number[] {
  return Array.from({ length }, () => random(256));
}

const POOL = Buffer.from(bytesOf(65_536, randomOf(SEED)));

/** Any bytes. */
function text(random: Random, length: number): Buffer {
  const start = random(POOL.length - length);
  return POOL.subarray(start, start + length);
}

function command(random: Random): Buffer {
  const any = <T>(values: readonly T[]): T => values[random(values.length)];
  const size = any([0, 1, 2, 5, 10, 20, 50, 100, 200, 1_000]);
  const [subject, reply] = [any(SUBJECTS), any(['', '', ...SUBJECTS])];
  const to = `${subject} ${random(5_000)}${reply === '' ? '' : ` ${reply}`}`;
  switch (random(9)) {
    case 0:
      return Buffer.from('PING\r\n');
    case 1:
      return Buffer.from('PONG\r\n');
    case 2:
      return Buffer.from('+OK\r\n');
    case 3:
      return Buffer.from('-ERR \'Permissions Violation for Publish to "a"\'\r\n');
    case 4:
      return Buffer.from(`INFO {"max_payload":${random(1_000_000)}}\r\n`);
    case 5:
    case 6: {
      const head = Buffer.from(`NATS/1.0${any([' 404 No', ''])}\r\n${'A: b\r\n'.repeat(random(4))}\r\n`);
      const payload = text(random, size);
      const line = `HMSG ${to} ${head.length} ${head.length + size}\r\n`;
      return Buffer.concat([Buffer.from(line), head, payload, Buffer.from('\r\n')]);
    }
    default:
      return Buffer.concat([Buffer.from(`MSG ${to} ${size}\r\n`), text(random, size), Buffer.from('\r\n')]);
  }
}

function streamOf(random: Random): Buffer {
  return Buffer.concat(Array.from({ length: 1 + random(8) }, () => command(random)));
}

function feed(parser: ChunkParser, bytes: Buffer, random: Random): void {
  // Only short streams are split into single bytes.
  const most = [bytes.length < 500 ? 1 : 50, 100, 300, 1_024, 65_536][random(5)];
  for (let at = 0; at < bytes.length;) {
    const end = at + 1 + random(most);
    // A copy, because later chunks must not change recorded events.
    parser.parse(Buffer.from(bytes.subarray(at, end)));
    at = end;
  }
}

it(`finds the same as the client's parser in ${STREAMS} random streams, cut at any position`, () => {
  const random = randomOf(SEED);
  let commands = 0;
  for (let i = 0; i < STREAMS; i++) {
    const bytes = streamOf(random);
    const [expected, found] = [new Events(), new Events()];
    new Parser(expected).parse(bytes);
    feed(ours(found), bytes, random);
    commands += expected.seen.length;
    if (found.seen.join('\n') !== expected.seen.join('\n')) {
      throw new Error(`seed ${SEED}, stream ${i}: ${JSON.stringify(bytes.toString('latin1'))}`);
    }
  }
  expect(commands).toBeGreaterThan(STREAMS * 3);
}, 300_000);

it('does nothing worse than ending the link for hostile bytes', () => {
  const random = randomOf(SEED);
  let ended = 0;
  for (let i = 0; i < STREAMS; i++) {
    const bytes = streamOf(random);
    for (let flips = 1 + random(4); flips > 0; flips--) bytes[random(bytes.length)] = random(256);
    const events = new Events();
    const guarded = new GuardedParser(ours(events), () => ended++);
    try {
      feed(guarded, bytes, random);
    } catch (thrown) {
      throw new Error(`seed ${SEED}, stream ${i}`, { cause: thrown });
    }
  }
  expect(ended).toBeGreaterThan(1_000);
}, 300_000);
