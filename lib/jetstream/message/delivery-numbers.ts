import { Buffer } from 'node:buffer';
import type { Msg } from '@nats-io/transport-node';
import { WireMessage } from '../../connection/index.js';
import { startsWith } from './delivery-position.js';

const NONE: Buffer = Buffer.alloc(0);
const DOT = 46;
const ZERO = 48;
const NINE = 57;
const NANOS_PER_MILLISECOND = 1_000_000;

/** The fields behind the prefix, from 0: the count, two sequences, the time, and the pending count. */
const COUNT = 0;
const TIME = 3;
const PENDING = 4;

/**
 * Reads the numbers of acknowledgement subjects (ADR-15) that describe a delivery, without creating an object or a string
 * for each message: for metrics, which need them for every message.
 *
 * All messages of one consumer share everything before the numbers, so its length is determined from the first message.
 */
export class DeliveryNumbers {
  /** The number of this delivery of the message that was read last, from 1. */
  deliveryCount = 0;
  /** When the stream stored that message, in milliseconds since 1970. */
  storedAt = 0;
  /** The number of messages that the consumer had not delivered yet. */
  pending = 0;
  private prefix = NONE;

  /** Reads the acknowledgement subject of a message. @returns `false` if it has none */
  read(msg: Msg): boolean {
    if (msg instanceof WireMessage) return this.readBytes(msg.line, msg.replyStart, msg.replyEnd);
    const reply = Buffer.from(msg.reply ?? '');
    return this.readBytes(reply, 0, reply.length);
  }

  private readBytes(line: Buffer, start: number, end: number): boolean {
    if (this.prefix === NONE || !startsWith(line, start, this.prefix)) {
      const prefix = prefixOf(line.toString('utf8', start, end));
      if (prefix === undefined) return false;
      this.prefix = Buffer.from(prefix);
    }
    let field = 0;
    let value = 0;
    let isNumber = false;
    let deliveryCount = 0;
    let nanos = 0;
    for (let index = start + this.prefix.length; index <= end; index++) {
      const byte = index < end ? line[index] : DOT;
      if (byte >= ZERO && byte <= NINE) {
        value = value * 10 + (byte - ZERO);
        isNumber = true;
        continue;
      }
      if (byte !== DOT || !isNumber) return false;
      if (field === PENDING) {
        this.deliveryCount = deliveryCount;
        // Nanoseconds exceed the precision of a double by some hundred, which does not matter here.
        this.storedAt = nanos / NANOS_PER_MILLISECOND;
        this.pending = value;
        return true;
      }
      if (field === COUNT) deliveryCount = value;
      else if (field === TIME) nanos = value;
      field++;
      value = 0;
      isNumber = false;
    }
    return false;
  }
}

// `$JS.ACK.<stream>.<consumer>.` or `$JS.ACK.<domain>.<account>.<stream>.<consumer>.`, followed by the count of
// deliveries, the two sequences, the time and the pending count.
const SHORT = /^\$JS\.ACK\.[^.]+\.[^.]+\.(?=\d+\.\d+\.\d+\.\d+\.\d+$)/;
const LONG = /^\$JS\.ACK\.[^.]+\.[^.]+\.[^.]+\.[^.]+\.(?=\d+\.\d+\.\d+\.\d+\.\d+(\.[^.]+)*$)/;

function prefixOf(reply: string): string | undefined {
  return (SHORT.exec(reply) ?? LONG.exec(reply))?.[0];
}
