import { Buffer } from 'node:buffer';
import type { ChunkParser, ClientParser } from './client-protocol.js';

/** Who is told of messages: the places of a message's parts in the buffers that hold them. */
export interface MessageSink {
  onMessage(
    sid: number,
    line: Buffer,
    subjectStart: number,
    subjectEnd: number,
    /** Not before `replyStart`; equal to it where there is no reply subject. */
    replyStart: number,
    replyEnd: number,
    /** Where headers and payload are: `line`, or another buffer where the message was split. */
    body: Buffer,
    bodyStart: number,
    /** 0 where there are no headers. */
    headersLength: number,
    bodyEnd: number,
  ): void;
}

const NEWLINE = 10;
const SPACE = 32;
const ZERO = 48;
const NINE = 57;
const H = 72;
const M = 77;
/** `\r\n` */
const LINE_END = 2;

/**
 * Finds messages (`MSG` and `HMSG`) in the protocol's stream; all else goes to the client's own parser, command by
 * command. That one looks at every byte of every line and makes an object for each part; this one looks where the parts
 * are.
 */
export class MessageParser implements ChunkParser {
  /** The beginning of a command whose end has not come yet. */
  private rest: Buffer | undefined;
  /** A message whose body has not come whole yet. */
  private partial: PartialMessage | undefined;

  constructor(
    private readonly client: ClientParser,
    /** Who is told of the messages. */
    readonly sink: MessageSink,
  ) {}

  parse(chunk: Uint8Array): void {
    let buffer = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    let position = 0;
    // Where this one took over in the midst of a command, the client's parser ends it.
    while (this.client.state !== 0 && position < buffer.length) {
      this.client.parse(buffer.subarray(position, ++position));
    }
    if (this.partial) {
      position = this.fill(this.partial, buffer);
    } else if (this.rest) {
      buffer = Buffer.concat([this.rest, buffer]);
      this.rest = undefined;
    }
    while (position < buffer.length) {
      const end = buffer.indexOf(NEWLINE, position);
      if (end < 0) {
        this.rest = buffer.subarray(position);
        return;
      }
      const first = buffer[position];
      if (first === M) position = this.message(buffer, position + 4, end, false);
      else if (first === H) position = this.message(buffer, position + 5, end, true);
      else {
        this.client.parse(buffer.subarray(position, end + 1));
        position = end + 1;
      }
    }
  }

  /** Reads `<subject> <sid> [reply] [length of the headers] <length>`; returns where the next command begins. */
  private message(buffer: Buffer, start: number, newline: number, hasHeaders: boolean): number {
    let i = start;
    while (i < newline && buffer[i] !== SPACE) i++;
    const subjectEnd = i++;
    let sid = 0;
    for (; i < newline && buffer[i] !== SPACE; i++) sid = sid * 10 + digit(buffer[i]);
    const replyStart = i + 1;
    // The rest from behind: there may be a reply subject, or not.
    let replyEnd = newline - LINE_END;
    let length = 0;
    for (let unit = 1; buffer[replyEnd] !== SPACE; replyEnd--, unit *= 10) {
      length += digit(buffer[replyEnd]) * unit;
    }
    let headersLength = 0;
    if (hasHeaders) {
      replyEnd--;
      for (let unit = 1; buffer[replyEnd] !== SPACE; replyEnd--, unit *= 10) {
        headersLength += digit(buffer[replyEnd]) * unit;
      }
    }
    if (replyEnd < replyStart) replyEnd = replyStart;
    const bodyStart = newline + 1;
    const bodyEnd = bodyStart + length;
    if (bodyEnd + LINE_END <= buffer.length) {
      this.sink.onMessage(
        sid,
        buffer,
        start,
        subjectEnd,
        replyStart,
        replyEnd,
        buffer,
        bodyStart,
        headersLength,
        bodyEnd,
      );
      return bodyEnd + LINE_END;
    }
    const body = Buffer.allocUnsafe(length + LINE_END);
    const filled = buffer.copy(body, 0, bodyStart);
    const line = buffer.subarray(start, newline);
    this.partial = {
      sid,
      line,
      subjectEnd: subjectEnd - start,
      replyStart: replyStart - start,
      replyEnd: replyEnd - start,
      headersLength,
      body,
      filled,
    };
    return buffer.length;
  }

  /** Adds to the body of a message that was split; returns where the next command begins. */
  private fill(partial: PartialMessage, buffer: Buffer): number {
    const copied = buffer.copy(partial.body, partial.filled);
    partial.filled += copied;
    if (partial.filled === partial.body.length) {
      this.partial = undefined;
      const { sid, line, subjectEnd, replyStart, replyEnd, body, headersLength } = partial;
      const bodyEnd = body.length - LINE_END;
      this.sink.onMessage(sid, line, 0, subjectEnd, replyStart, replyEnd, body, 0, headersLength, bodyEnd);
    }
    return copied;
  }
}

function digit(byte: number): number {
  if (byte < ZERO || byte > NINE) throw new Error('The server sent what is no message of its protocol');
  return byte - ZERO;
}

interface PartialMessage {
  readonly sid: number;
  readonly line: Buffer;
  readonly subjectEnd: number;
  readonly replyStart: number;
  readonly replyEnd: number;
  readonly headersLength: number;
  readonly body: Buffer;
  filled: number;
}
