import { Buffer } from 'node:buffer';
import { State, type Parser } from '@nats-io/transport-node';
import type { ChunkParser } from './link-transport.js';
import { SplitMessage, WholeMessage, type WireMessage } from './wire-message.js';

/** Receives the messages; it must not throw, because an error ends the link. */
export interface MessageSink {
  onMessage(message: WireMessage): void;
}

const NEWLINE = 10;
const SPACE = 32;
const ZERO = 48;
const NINE = 57;
const H = 72;
const M = 77;
/** The largest payload of any server configuration, in bytes. */
const LONGEST = 67_108_864;
/** `\r\n` */
const LINE_END = 2;
const CARRIAGE_RETURN = 13;
/** The maximum length of an incomplete line, in bytes. The longest line of a server is its information (`INFO`). */
const LONGEST_LINE = 262_144;

/**
 * Finds messages (`MSG` and `HMSG`) in the protocol's stream; all other commands go to the client's own parser. That
 * parser processes every byte of every line and creates an object for each part; this one only determines the positions
 * of the parts.
 */
export class MessageParser implements ChunkParser {
  /** The beginning of a command that is not complete yet. */
  private rest: Buffer | undefined;
  /** A message whose body is not complete yet. */
  private partial: PartialMessage | undefined;

  constructor(
    private readonly client: Parser,
    readonly sink: MessageSink,
  ) {}

  parse(chunk: Uint8Array): void {
    let buffer = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    let position = 0;
    if (this.partial) {
      position = this.fill(this.partial, buffer, position);
    } else if (this.rest) {
      buffer = Buffer.concat([this.rest, buffer]);
      this.rest = undefined;
    }
    while (position < buffer.length) {
      const end = buffer.indexOf(NEWLINE, position);
      if (end < 0) {
        if (buffer.length - position > LONGEST_LINE) throw unreadable('an unterminated line');
        this.rest = buffer.subarray(position);
        return;
      }
      const first = buffer[position];
      if (first === M) position = this.message(buffer, position + 4, end, false);
      else if (first === H) position = this.message(buffer, position + 5, end, true);
      else {
        this.client.parse(buffer.subarray(position, end + 1));
        position = end + 1;
        if (this.client.state !== State.OP_START) throw unreadable('an incomplete command');
      }
    }
  }

  /** Reads `<subject> <sid> [reply] [length of the headers] <length>`; returns the position of the next command. */
  private message(buffer: Buffer, start: number, newline: number, hasHeaders: boolean): number {
    if (buffer[start - 1] !== SPACE || buffer[newline - 1] !== CARRIAGE_RETURN)
      throw unreadable('an invalid line');
    let i = start;
    while (i < newline && buffer[i] !== SPACE) i++;
    const subjectEnd = i++;
    const sidStart = i;
    let sid = 0;
    for (; i < newline && buffer[i] !== SPACE; i++) sid = sid * 10 + digit(buffer[i]);
    const sidEnd = i;
    const replyStart = i + 1;
    // The rest is read from the end, because the reply subject is optional.
    const lengthEnd = newline - LINE_END;
    let replyEnd = lengthEnd;
    let length = 0;
    for (let unit = 1; buffer[replyEnd] !== SPACE; replyEnd--, unit *= 10) {
      length += digit(buffer[replyEnd]) * unit;
    }
    let incomplete = subjectEnd === start || sidEnd === sidStart || replyEnd === lengthEnd;
    let headersLength = 0;
    if (hasHeaders) {
      const headersEnd = --replyEnd;
      for (let unit = 1; buffer[replyEnd] !== SPACE; replyEnd--, unit *= 10) {
        headersLength += digit(buffer[replyEnd]) * unit;
      }
      incomplete ||= replyEnd === headersEnd;
    }
    if (incomplete || replyEnd < sidEnd) throw unreadable('an invalid line');
    if (replyEnd < replyStart) replyEnd = replyStart;
    const bodyStart = newline + 1;
    if (headersLength > length || length > LONGEST) throw unreadable('an invalid length');
    if (bodyStart + length + LINE_END > buffer.length) {
      const parts: Buffer[] = [];
      const message = new SplitMessage(
        sid,
        buffer.subarray(start, newline),
        subjectEnd - start,
        replyStart - start,
        replyEnd - start,
        parts,
        headersLength,
        length,
      );
      this.partial = { message, parts, missing: length + LINE_END };
      return this.fill(this.partial, buffer, bodyStart);
    }
    const message = new WholeMessage(
      sid,
      buffer,
      start,
      subjectEnd,
      replyStart,
      replyEnd,
      bodyStart,
      headersLength,
      length,
    );
    const end = bodyStart + length + LINE_END;
    if (buffer[end - 1] !== NEWLINE) throw unreadable('a message with an invalid end');
    this.sink.onMessage(message);
    return end;
  }

  /** Adds to the body of a message that was split; returns the position of the next command. */
  private fill(partial: PartialMessage, buffer: Buffer, position: number): number {
    const end = Math.min(buffer.length, position + partial.missing);
    // The line end may arrive separately from the body, and in two parts.
    const bodyEnd = Math.min(end, position + partial.missing - LINE_END);
    if (bodyEnd > position) partial.parts.push(buffer.subarray(position, bodyEnd));
    partial.missing -= end - position;
    if (partial.missing === 0) {
      this.partial = undefined;
      if (buffer[end - 1] !== NEWLINE) throw unreadable('a message with an invalid end');
      this.sink.onMessage(partial.message);
    }
    return end;
  }
}

interface PartialMessage {
  readonly message: SplitMessage;
  /** The received parts of headers and payload. */
  readonly parts: Buffer[];
  /** The number of missing bytes, including the line end. */
  missing: number;
}

function digit(byte: number): number {
  if (byte < ZERO || byte > NINE) throw unreadable('an invalid number');
  return byte - ZERO;
}

function unreadable(what: string): Error {
  return new Error(`the server sent ${what}, which is not allowed by the NATS protocol`);
}
