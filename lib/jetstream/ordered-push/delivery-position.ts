/**
 * Reads the two sequences out of acknowledgement subjects (ADR-15) without taking the rest apart.
 *
 * All messages of one consumer share everything before the sequences, so the first message tells how long that is and
 * every later one costs a comparison of the prefix and the reading of two numbers.
 */
export class DeliveryPosition {
  /** The sequence in the stream of the message read last. */
  streamSequence = 0;
  /** The sequence in the consumer of the message read last. */
  consumerSequence = 0;
  private prefix = '';
  private reply = '';
  private end = 0;

  /** Reads an acknowledgement subject. @returns `false` where it is none, and then nothing is changed */
  read(reply: string): boolean {
    if (this.prefix === '' || !reply.startsWith(this.prefix)) {
      const prefix = prefixOf(reply);
      if (prefix === undefined) return false;
      this.prefix = prefix;
    }
    let index = this.prefix.length;
    let code = reply.charCodeAt(index);
    let streamSequence = 0;
    for (; code >= ZERO && code <= NINE; code = reply.charCodeAt(++index)) {
      streamSequence = streamSequence * 10 + (code - ZERO);
    }
    if (code !== DOT) return false;
    code = reply.charCodeAt(++index);
    let consumerSequence = 0;
    for (; code >= ZERO && code <= NINE; code = reply.charCodeAt(++index)) {
      consumerSequence = consumerSequence * 10 + (code - ZERO);
    }
    if (code !== DOT) return false;
    this.streamSequence = streamSequence;
    this.consumerSequence = consumerSequence;
    this.reply = reply;
    this.end = index;
    return true;
  }

  /** How many messages there were to be delivered after the message read last. */
  get pending(): number {
    return parseInt(this.reply.slice(this.reply.indexOf('.', this.end + 1) + 1), 10);
  }
}

const DOT = 46;
const ZERO = 48;
const NINE = 57;

// `$JS.ACK.<stream>.<consumer>.<delivered>.` or `$JS.ACK.<domain>.<account>.<stream>.<consumer>.<delivered>.`, followed
// by at least the two sequences, the time and the pending count.
const SHORT = /^\$JS\.ACK\.[^.]+\.[^.]+\.\d+\.(?=\d+\.\d+\.\d+\.\d+$)/;
const LONG = /^\$JS\.ACK\.[^.]+\.[^.]+\.[^.]+\.[^.]+\.\d+\.(?=\d+\.\d+\.\d+\.\d+(\.[^.]+)*$)/;

function prefixOf(reply: string): string | undefined {
  return (SHORT.exec(reply) ?? LONG.exec(reply))?.[0];
}
