import { Buffer } from 'node:buffer';
import { AckSubjectReader, DOT, NINE, ZERO } from './ack-subject-reader.js';

// The count of deliveries belongs to the prefix. The two sequences, the time and the pending count follow.
const SHORT = /^\$JS\.ACK\.[^.]+\.[^.]+\.\d+\.(?=\d+\.\d+\.\d+\.\d+$)/;
const LONG = /^\$JS\.ACK\.[^.]+\.[^.]+\.[^.]+\.[^.]+\.\d+\.(?=\d+\.\d+\.\d+\.\d+(\.[^.]+)*$)/;

/** Reads the two sequences of a delivery. */
export class DeliveryPosition extends AckSubjectReader {
  /** The stream sequence of the message that was read last. */
  streamSequence = 0;
  /** The consumer sequence of the message that was read last. */
  consumerSequence = 0;
  private line: Buffer = Buffer.alloc(0);
  /** The offset of the timestamp of the message that was read last, and the end of its subject. */
  private rest = 0;
  private end = 0;

  constructor() {
    super([SHORT, LONG]);
  }

  /** The number of messages still to be delivered after the message that was read last. */
  get pending(): number {
    const numbers = this.line.toString('latin1', this.rest, this.end);
    return parseInt(numbers.slice(numbers.indexOf('.') + 1), 10);
  }

  protected readNumbers(line: Buffer, start: number, end: number): boolean {
    let index = start;
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
