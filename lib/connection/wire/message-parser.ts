import { Buffer } from 'node:buffer';
import type { ChunkParser, ClientParser } from './client-protocol.js';
import { SplitMessage, WholeMessage, type Publisher, type WireMessage } from './wire-message.js';

/** Who takes the messages; it must not throw for what is wrong with one of them. */
export interface MessageSink {
  onMessage(message: WireMessage): void;
}

const NEWLINE = 10;
const SPACE = 32;
const ZERO = 48;
const NINE = 57;
const H = 72;
const M = 77;
/** The largest payload that any server takes, in bytes. */
const LONGEST = 67_108_864;
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
    private readonly publisher: Publisher,
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
      position = this.fill(this.partial, buffer, position);
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
    if (headersLength > length || length > LONGEST) throw unreadable();
    if (bodyStart + length + LINE_END > buffer.length) {
      const parts: Buffer[] = [];
      const message = new SplitMessage(
        this.publisher,
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
      this.publisher,
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
    this.sink.onMessage(message);
    return bodyStart + length + LINE_END;
  }

  /** Adds to the body of a message that was split; returns where the next command begins. */
  private fill(partial: PartialMessage, buffer: Buffer, position: number): number {
    const end = Math.min(buffer.length, position + partial.missing);
    // The end of the line may come apart from the body, and in two.
    const bodyEnd = Math.min(end, position + partial.missing - LINE_END);
    if (bodyEnd > position) partial.parts.push(buffer.subarray(position, bodyEnd));
    partial.missing -= end - position;
    if (partial.missing === 0) {
      this.partial = undefined;
      this.sink.onMessage(partial.message);
    }
    return end;
  }
}

interface PartialMessage {
  readonly message: SplitMessage;
  /** What has come of headers and payload. */
  readonly parts: Buffer[];
  /** How much has not come, the end of the line included. */
  missing: number;
}

function digit(byte: number): number {
  if (byte < ZERO || byte > NINE) throw unreadable();
  return byte - ZERO;
}

function unreadable(): Error {
  return new Error('The server sent what is not a message of its protocol');
}
