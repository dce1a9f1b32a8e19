import type { Msg } from '@nats-io/transport-node';
import { expect, it } from 'vitest';
import { DeliveryNumbers } from '../../lib/jetstream/index.js';
import { parseMetadata } from '../../lib/jetstream/message/message-metadata.js';

/** Only the reply subject of a message is read. */
const messageOf = (reply: string | undefined): Msg => ({ reply }) as Msg;

it.each([
  ['the short form', '$JS.ACK.TASKS.worker.1.17.19.1712345678901234567.42'],
  ['a redelivery', '$JS.ACK.TASKS.worker.12.1.900.1712345678901234567.0'],
  ['the long form', '$JS.ACK.hub.ACCOUNT.TASKS.worker.3.123456.123457.1712345678901234567.7'],
  ['the long form with a token', '$JS.ACK._.ACCOUNT.TASKS.worker.1.1.1.1712345678901234567.1234567.x7Yz'],
])('reads the same numbers as the metadata of a message: %s', (_form, reply) => {
  const numbers = new DeliveryNumbers();
  const expected = parseMetadata(reply);
  // The second time with a known prefix.
  for (let time = 1; time <= 2; time++) {
    expect(numbers.read(messageOf(reply))).toBe(true);
    expect(numbers).toMatchObject({
      deliveryCount: expected?.deliveryCount,
      pending: expected?.pending,
    });
    expect(Math.floor(numbers.storedAt)).toBe(expected?.timestamp.getTime());
  }
});

it.each([
  undefined,
  '',
  '_INBOX.a.b',
  '$JS.ACK.TASKS.worker',
  '$JS.ACK.TASKS.worker.a.b.c.d.e',
  '$JS.FC.TASKS.worker.x',
])('does not read other reply subjects: %s', (reply) => {
  const numbers = new DeliveryNumbers();
  numbers.read(messageOf('$JS.ACK.TASKS.worker.1.17.19.1712345678901234567.42'));
  expect(numbers.read(messageOf(reply))).toBe(false);
  expect(numbers.pending).toBe(42);
});

it('follows the messages of another consumer', () => {
  const numbers = new DeliveryNumbers();
  numbers.read(messageOf('$JS.ACK.TASKS.worker.1.17.19.1712345678901234567.42'));
  expect(numbers.read(messageOf('$JS.ACK.OTHER.consumer.2.1.1.1712345678901234567.5'))).toBe(true);
  expect(numbers.deliveryCount).toBe(2);
  expect(numbers.pending).toBe(5);
});
