import { Buffer } from 'node:buffer';
import type { Msg } from '@nats-io/transport-node';
import { WireMessage } from '../../connection/index.js';

const NONE: Buffer = Buffer.alloc(0);

/**
 * Reads the two sequences out of acknowledgement subjects (ADR-15) without parsing the rest or converting it to a
 * string.
 *
 * All messages of one consumer share everything before the sequences, so its length is determined from the first
 * message. Each later message needs only a comparison of the prefix and the parsing of two numbers.
 */
export class DeliveryPosition {
  /** The stream sequence of the message that was read last. */
  streamSequence = 0;
  /** The consumer sequence of the message that was read last. */
  consumerSequence = 0;
  private prefix = NONE;
  private line = NONE;
  /** The offset of the timestamp of the message that was read last, and the end of its subject. */
  private rest = 0;
  private end = 0;

  /** Reads the acknowledgement subject of a message. @returns `false` if it has none; the state is then unchanged */
  read(msg: Msg): boolean {
    if (msg instanceof WireMessage) return this.readBytes(msg.line, msg.replyStart, msg.replyEnd);
    const reply = Buffer.from(msg.reply ?? '');
    return this.readBytes(reply, 0, reply.length);
  }

  /** The number of messages still to be delivered after the message that was read last. */
  get pending(): number {
    const numbers = this.line.toString('latin1', this.rest, this.end);
    return parseInt(numbers.slice(numbers.indexOf('.') + 1), 10);
  }

  private readBytes(line: Buffer, start: number, end: number): boolean {
    if (this.prefix === NONE || !startsWith(line, start, this.prefix)) {
      const prefix = prefixOf(line.toString('utf8', start, end));
      if (prefix === undefined) return false;
      this.prefix = Buffer.from(prefix);
    }
    let index = start + this.prefix.length;
    let byte = line[index];
    let streamSequence = 0;
    for (; byte >= ZERO && byte <= NINE; byte = line[++index]) {
      streamSequence = streamSequence * 10 + (byte - ZERO);
    }
    if (byte !== DOT) return false;
    byte = line[++index];
    let consumerSequence = 0;
    for (; byte >= ZERO && byte <= NINE; byte = line[++index]) {
      consumerSequence = consumerSequence * 10 + (byte - ZERO);
    }
    if (byte !== DOT || index >= end) return false;
    this.streamSequence = streamSequence;
    this.consumerSequence = consumerSequence;
    this.line = line;
    this.rest = index + 1;
    this.end = end;
    return true;
  }
}

const DOT = 46;
const ZERO = 48;
const NINE = 57;

/** Whether a line contains these bytes at a position. */
export function startsWith(line: Uint8Array, start: number, prefix: Uint8Array): boolean {
  for (let i = 0; i < prefix.length; i++) if (line[start + i] !== prefix[i]) return false;
  return true;
}

// `$JS.ACK.<stream>.<consumer>.<delivered>.` or `$JS.ACK.<domain>.<account>.<stream>.<consumer>.<delivered>.`, followed
// by at least the two sequences, the time and the pending count.
const SHORT = /^\$JS\.ACK\.[^.]+\.[^.]+\.\d+\.(?=\d+\.\d+\.\d+\.\d+$)/;
const LONG = /^\$JS\.ACK\.[^.]+\.[^.]+\.[^.]+\.[^.]+\.\d+\.(?=\d+\.\d+\.\d+\.\d+(\.[^.]+)*$)/;

function prefixOf(reply: string): string | undefined {
  return (SHORT.exec(reply) ?? LONG.exec(reply))?.[0];
}
