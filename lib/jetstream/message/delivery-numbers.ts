import type { Buffer } from 'node:buffer';
import { AckSubjectReader, DOT, NINE, ZERO } from './ack-subject-reader.js';

const NANOS_PER_MILLISECOND = 1_000_000;

/** The fields behind the prefix, from 0: the count, two sequences, the time, and the pending count. */
const COUNT = 0;
const TIME = 3;
const PENDING = 4;

const SHORT = /^\$JS\.ACK\.[^.]+\.[^.]+\.(?=\d+\.\d+\.\d+\.\d+\.\d+$)/;
const LONG = /^\$JS\.ACK\.[^.]+\.[^.]+\.[^.]+\.[^.]+\.(?=\d+\.\d+\.\d+\.\d+\.\d+(\.[^.]+)*$)/;

/** Reads the numbers that describe a delivery: for metrics, which need them for every message. */
export class DeliveryNumbers extends AckSubjectReader {
  /** The number of this delivery of the message that was read last, from 1. */
  deliveryCount = 0;
  /** When the stream stored that message, in milliseconds since 1970. */
  storedAt = 0;
  /** The number of messages that the consumer had not delivered yet. */
  pending = 0;

  constructor() {
    super([SHORT, LONG]);
  }

  protected readNumbers(line: Buffer, start: number, end: number): boolean {
    let field = 0;
    let value = 0;
    let isNumber = false;
    let deliveryCount = 0;
    let nanos = 0;
    for (let index = start; index <= end; index++) {
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
