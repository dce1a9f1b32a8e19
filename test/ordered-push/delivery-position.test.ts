import { describe, expect, it } from 'vitest';
import { DeliveryPosition } from '../../lib/jetstream/ordered-push/delivery-position.js';

describe('the position in an acknowledgement subject', () => {
  it('is read from the short form', () => {
    const position = new DeliveryPosition();
    expect(position.read('$JS.ACK.S.C.1.22.3.1795500325351349523.44')).toBe(true);
    expect([position.streamSequence, position.consumerSequence, position.pending]).toEqual([22, 3, 44]);
  });

  it('is read from the form with domain and account, with and without the token at its end', () => {
    const position = new DeliveryPosition();
    expect(position.read('$JS.ACK.hub.acc.S.C.1.22.3.1795500325351349523.44')).toBe(true);
    expect([position.streamSequence, position.consumerSequence, position.pending]).toEqual([22, 3, 44]);
    expect(position.read('$JS.ACK._.acc.S.C.1.9007199254740991.4.1795500325351349523.0.r4nd')).toBe(true);
    expect(position.streamSequence).toBe(Number.MAX_SAFE_INTEGER);
    expect([position.consumerSequence, position.pending]).toEqual([4, 0]);
  });

  it('follows another consumer and another delivery count', () => {
    const position = new DeliveryPosition();
    position.read('$JS.ACK.S.C.1.22.3.1795500325351349523.44');
    expect(position.read('$JS.ACK.S.D.2.7.1.1795500325351349523.5')).toBe(true);
    expect([position.streamSequence, position.consumerSequence, position.pending]).toEqual([7, 1, 5]);
  });

  it.each(['', '$JS.FC.S.C.x', '_INBOX.a.b', '$JS.ACK.S.C.1.2.3', '$JS.ACK.S.C.1.2.x.3.4'])(
    'is not there in "%s", and nothing changes',
    (reply) => {
      const position = new DeliveryPosition();
      position.read('$JS.ACK.S.C.1.22.3.1795500325351349523.44');
      expect(position.read(reply)).toBe(false);
      expect(position.streamSequence).toBe(22);
    },
  );
});
