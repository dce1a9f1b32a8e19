import { describe, expect, it } from 'vitest';
import { MessageHeaders } from '../../lib/connection/wire/message-headers.js';
import { SplitMessage, WholeMessage, type WireMessage } from '../../lib/connection/wire/wire-message.js';

const NAME = 'Content-Type';
/** The parts from which blocks of headers are assembled. */
const PARTS = [
  NAME,
  'content-type',
  'Content',
  'Other',
  ':',
  ' ',
  '\t',
  '\v',
  '\r',
  '\n',
  '\r\n',
  '\u{a0}',
  'x',
];

/** A message with such a block, received in one chunk and in several. */
function messages(block: string): WireMessage[] {
  const head = Buffer.from(block);
  const payload = Buffer.from('\nContent-Type: payload');
  const whole = Buffer.concat([Buffer.from('line\r\n'), head, payload]);
  const length = head.length + payload.length;
  return [
    new WholeMessage(1, whole, 0, 4, 4, 4, 6, head.length, length),
    new SplitMessage(1, Buffer.from('line'), 4, 4, 4, [head, payload], head.length, length),
  ];
}

describe('a message, without parsing its headers,', () => {
  it.each([
    ['NATS/1.0\r\nContent-Type: a\r\n\r\n', true],
    ['NATS/1.0\r\nA: b\r\nContent-Type: a\r\n\r\n', true],
    ['NATS/1.0\nContent-Type:a\n\n', true],
    ['NATS/1.0\r\nA: Content-Type: a\r\n\r\n', false],
    ['NATS/1.0\r\nNats-Pin-Id: abc\r\n\r\n', false],
    ['NATS/1.0 100 Idle\r\n\r\n', false],
    ['', false],
  ])('reports whether a name may occur: %j', (block, expected) => {
    expect(messages(block).map((message) => message.mayHave(NAME))).toEqual([expected, expected]);
  });

  it.each([
    ['NATS/1.0\r\nNats-Pin-Id: abc\r\n\r\n', '\r\nNats-Pin-Id: abc\r\n\r\n', true],
    ['NATS/1.0\r\nA: b\r\nNats-Pin-Id: abc\r\n\r\n', '\r\nNats-Pin-Id: abc\r\n\r\n', true],
    ['NATS/1.0\r\nNats-Pin-Id: abc\r\nA: b\r\n\r\n', '\r\nNats-Pin-Id: abc\r\n\r\n', false],
    ['NATS/1.0\r\nNats-Pin-Id: abd\r\n\r\n', '\r\nNats-Pin-Id: abc\r\n\r\n', false],
    ['abc', 'abc', true],
    ['bc', 'abc', false],
    ['abc', '', false],
    ['', 'abc', false],
  ])('reports whether they end with some bytes: %j with %j', (block, ending, expected) => {
    const bytes = Buffer.from(ending);
    expect(messages(block).map((message) => message.headersEndWith(bytes))).toEqual([expected, expected]);
  });

  it('agrees with the header parser for random blocks', () => {
    let seed = 7;
    const random = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below;
    const missed: string[] = [];
    let found = 0;
    for (let round = 0; round < 20_000; round++) {
      const parts = Array.from({ length: 1 + random(12) }, () => PARTS[random(PARTS.length)]);
      const block = `${random(10) === 0 ? 'NATS/2.0' : 'NATS/1.0'}\r\n${parts.join('')}`;
      const read = MessageHeaders.decode(Buffer.from(block));
      if (read.has(NAME)) found++;
      for (const message of messages(block)) {
        const isValid = block.startsWith('NATS/1.0');
        if (message.headersValid !== isValid || (read.has(NAME) && !message.mayHave(NAME)))
          missed.push(block);
      }
    }
    expect(missed).toEqual([]);
    expect(found).toBeGreaterThan(100);
  });
});
