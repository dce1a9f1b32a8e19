import { Buffer } from 'node:buffer';
import type { Msg } from '@nats-io/transport-node';
import { WireMessage } from '../../connection/index.js';

export const DOT = 46;
export const ZERO = 48;
export const NINE = 57;
const NONE: Buffer = Buffer.alloc(0);

/**
 * Reads numbers out of acknowledgement subjects (ADR-15), `$JS.ACK.<stream>.<consumer>.<numbers>` or
 * `$JS.ACK.<domain>.<account>.<stream>.<consumer>.<numbers>`, without creating a string for each message.
 *
 * All messages of one consumer share everything before the numbers, so its length is determined from the first message.
 * Each later message needs only a comparison of the prefix and the parsing of the numbers.
 */
export abstract class AckSubjectReader {
  private prefix = NONE;

  /** @param patterns match what precedes the numbers, in the short and in the long form */
  protected constructor(private readonly patterns: readonly [short: RegExp, long: RegExp]) {}

  /** Reads the acknowledgement subject of a message. @returns `false` if it has none; the state is then unchanged */
  read(msg: Msg): boolean {
    if (msg instanceof WireMessage) return this.readBytes(msg.line, msg.replyStart, msg.replyEnd);
    const reply = Buffer.from(msg.reply ?? '');
    return this.readBytes(reply, 0, reply.length);
  }

  /** Reads the numbers from an offset on. @returns `false` if they are not what is expected */
  protected abstract readNumbers(line: Buffer, start: number, end: number): boolean;

  private readBytes(line: Buffer, start: number, end: number): boolean {
    if (this.prefix === NONE || !startsWith(line, start, this.prefix)) {
      const subject = line.toString('utf8', start, end);
      const [short, long] = this.patterns;
      const [prefix] = short.exec(subject) ?? long.exec(subject) ?? [];
      if (prefix === undefined) return false;
      this.prefix = Buffer.from(prefix);
    }
    return this.readNumbers(line, start + this.prefix.length, end);
  }
}

/** Whether a line contains these bytes at a position. */
export function startsWith(line: Uint8Array, start: number, prefix: Uint8Array): boolean {
  for (let i = 0; i < prefix.length; i++) if (line[start + i] !== prefix[i]) return false;
  return true;
}
