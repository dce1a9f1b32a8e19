import type { Msg } from '@nats-io/transport-node';
import { describe, expect, it } from 'vitest';
import { asMsg } from '../../../lib/connection/index.js';
import { WholeMessage } from '../../../lib/connection/wire/wire-message.js';
import { DeliveryPosition } from '../../../lib/jetstream/index.js';

/** A message as created by the client. */
const clientMessage = (reply: string): Msg => ({ reply }) as Msg;

/** A message as created by the wire, surrounded by other bytes. */
const wireMessage = (reply: string): Msg => {
  const line = Buffer.from(`MSG s 1 ${reply} 3\r\nx.9\r\n`);
  const end = 8 + Buffer.byteLength(reply);
  return asMsg(new WholeMessage(1, line, 4, 5, 8, end, end + 4, 0, 3));
};

describe.each([
  ['the client', clientMessage],
  ['the wire', wireMessage],
])('the position in an acknowledgement subject of a message of %s', (_, message) => {
  it('is read from the short form', () => {
    const position = new DeliveryPosition();
    expect(position.read(message('$JS.ACK.S.C.1.22.3.1795500325351349523.44'))).toBe(true);
    expect([position.streamSequence, position.consumerSequence, position.pending]).toEqual([22, 3, 44]);
  });

  it('is read from the form with domain and account, with and without the token at its end', () => {
    const position = new DeliveryPosition();
    expect(position.read(message('$JS.ACK.hub.acc.S.C.1.22.3.1795500325351349523.44'))).toBe(true);
    expect([position.streamSequence, position.consumerSequence, position.pending]).toEqual([22, 3, 44]);
    expect(position.read(message('$JS.ACK._.acc.S.C.1.9007199254740991.4.1795500325351349523.0.r4nd'))).toBe(
      true,
    );
    expect(position.streamSequence).toBe(Number.MAX_SAFE_INTEGER);
    expect([position.consumerSequence, position.pending]).toEqual([4, 0]);
  });

  it('follows another consumer and another delivery count', () => {
    const position = new DeliveryPosition();
    position.read(message('$JS.ACK.S.C.1.22.3.1795500325351349523.44'));
    expect(position.read(message('$JS.ACK.S.D.2.7.1.1795500325351349523.5'))).toBe(true);
    expect([position.streamSequence, position.consumerSequence, position.pending]).toEqual([7, 1, 5]);
  });

  it.each([
    '',
    '$JS.FC.S.C.x',
    '_INBOX.a.b',
    '$JS.ACK.S.C.1.2.3',
    '$JS.ACK.S.C.1.2.x.3.4',
    '$JS.ACK.S.C.1.22.',
    '$JS.ACK.S.C.1.22.3',
    '$JS.ACK.S.C.1',
  ])('is missing in "%s", and nothing changes', (reply) => {
    const position = new DeliveryPosition();
    position.read(message('$JS.ACK.S.C.1.22.3.1795500325351349523.44'));
    expect(position.read(message(reply))).toBe(false);
    expect(position.streamSequence).toBe(22);
  });
});
