import { Buffer } from 'node:buffer';
import type { MsgArg, MsgHdrs, PublishOptions } from '@nats-io/transport-node';
import { beginsWithVersion, MessageHeaders } from './message-headers.js';
import type { ReceivedMessage } from './received-message.js';
import type { Wire } from './wire.js';

const decoder = new TextDecoder();
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const BLANK = 32;
const LAST_ASCII = 127;

/** Sends the answers to a message. */
export type Publisher = Pick<Wire, 'publish'>;

/** A core NATS message that reads its parts on demand from the received bytes. */
export abstract class WireMessage implements ReceivedMessage {
  private subjectText: string | undefined;
  private replyText: string | undefined;
  private headersRead: MsgHdrs | undefined;
  private headersHidden = false;
  /** The connection that subscribed; set when the message is passed to a subscription. */
  publisher: Publisher | undefined;

  constructor(
    readonly sid: number,
    /** The bytes that the positions of subject and reply refer to. */
    readonly line: Buffer,
    private readonly subjectStart: number,
    private readonly subjectEnd: number,
    readonly replyStart: number,
    /** `replyStart` if there is no reply subject. */
    readonly replyEnd: number,
    /** 0 if there are no headers. */
    protected readonly headersLength: number,
    /** The length of headers and payload. */
    readonly length: number,
  ) {}

  /** Headers and payload. */
  protected abstract get body(): Buffer;

  /** The bytes that contain the header block, and its position in them. */
  protected abstract get head(): Buffer;
  protected abstract get headStart(): number;

  abstract get data(): Uint8Array;

  /** The payload as received, possibly in several pieces, without copying. */
  abstract get pieces(): readonly Uint8Array[];

  get subject(): string {
    return (this.subjectText ??= text(this.line, this.subjectStart, this.subjectEnd));
  }

  /** The decimal number at the end of the subject, after the given number of characters; -1 if there is no number. */
  numberAfter(characters: number): number {
    let number = 0;
    for (let i = this.subjectStart + characters; i < this.subjectEnd; i++) {
      const digit = this.line[i] - 48;
      if (digit < 0 || digit > 9) return -1;
      number = number * 10 + digit;
    }
    return number;
  }

  get reply(): string {
    return (this.replyText ??= text(this.line, this.replyStart, this.replyEnd));
  }

  get headers(): MsgHdrs | undefined {
    if (this.headersLength === 0 || this.headersHidden) return undefined;
    return (this.headersRead ??= MessageHeaders.decode(this.body.subarray(0, this.headersLength)));
  }

  /** Removes a header from those that are read; a message without other headers then has none. */
  hide(name: string): void {
    const { headers } = this;
    headers?.delete(name);
    this.headersHidden = headers?.keys().length === 0;
  }

  /** Whether there are no headers, or their block begins correctly. */
  get headersValid(): boolean {
    return this.headersLength === 0 || beginsWithVersion(this.head, this.headStart, this.headersLength);
  }

  /** Whether one of the headers may have this name. Usually determined from the bytes, without parsing the headers. */
  mayHave(name: string): boolean {
    const { headersLength, head, headStart } = this;
    const last = headStart + headersLength - 1;
    for (let i = headStart; i < last; i++) {
      if (head[i] !== LINE_FEED) continue;
      const first = head[i + 1];
      if (first === CARRIAGE_RETURN && head[i + 2] === LINE_FEED) continue;
      // Parsers of headers accept blanks before a name.
      if (first <= BLANK || first > LAST_ASCII) return true;
      if (first === name.charCodeAt(0) && head.toString('latin1', i + 1, i + 1 + name.length) === name)
        return true;
    }
    return false;
  }

  /** Whether the header block ends with these bytes, which must not be empty. */
  headersEndWith(ending: Uint8Array): boolean {
    const { headersLength } = this;
    if (ending.length === 0 || ending.length > headersLength) return false;
    const { head } = this;
    const start = this.headStart + headersLength - ending.length;
    // Compared from the end, because differences are usually near the end.
    for (let i = ending.length - 1; i >= 0; i--) if (head[start + i] !== ending[i]) return false;
    return true;
  }

  /** The header block as received; `undefined` if there is none. */
  get rawHeaders(): Uint8Array | undefined {
    return this.headersLength === 0 ? undefined : this.body.subarray(0, this.headersLength);
  }

  /** @throws {@link ConnectionClosedError}, {@link PayloadTooLargeError}, {@link InvalidSubjectError} */
  respond(data: Uint8Array | string = '', options: PublishOptions = {}): boolean {
    if (this.reply === '' || this.publisher === undefined) return false;
    this.publisher.publish(this.reply, data, options.reply, options.headers);
    return true;
  }

  string(): string {
    return decoder.decode(this.data);
  }

  json<T>(reviver?: (this: unknown, key: string, value: unknown) => unknown): T {
    return JSON.parse(this.string(), reviver) as T;
  }

  /** The size as the server counts it: subject, reply, headers and payload. */
  size(): number {
    return this.subjectEnd - this.subjectStart + (this.replyEnd - this.replyStart) + this.length;
  }

  /** Passes the message to the client, for a subscription that is not the wire's. */
  forward(take: (message: MsgArg, body: Uint8Array) => void): void {
    const { line, sid, headersLength, length: size, replyStart, replyEnd } = this;
    const subject = line.subarray(this.subjectStart, this.subjectEnd);
    const reply = replyEnd > replyStart ? line.subarray(replyStart, replyEnd) : undefined;
    const hdr = headersLength > 0 ? headersLength : -1;
    take(reply === undefined ? { sid, subject, hdr, size } : { sid, subject, reply, hdr, size }, this.body);
  }
}

/** A message whose line, headers and payload are contiguous in one buffer. */
export class WholeMessage extends WireMessage {
  private payload: Uint8Array | undefined;

  constructor(
    sid: number,
    buffer: Buffer,
    subjectStart: number,
    subjectEnd: number,
    replyStart: number,
    replyEnd: number,
    private readonly bodyStart: number,
    headersLength: number,
    length: number,
  ) {
    super(sid, buffer, subjectStart, subjectEnd, replyStart, replyEnd, headersLength, length);
  }

  get data(): Uint8Array {
    const { bodyStart } = this;
    return (this.payload ??= this.line.subarray(bodyStart + this.headersLength, bodyStart + this.length));
  }

  get pieces(): readonly Uint8Array[] {
    return [this.data];
  }

  protected get body(): Buffer {
    return this.line.subarray(this.bodyStart, this.bodyStart + this.length);
  }

  protected get head(): Buffer {
    return this.line;
  }

  protected get headStart(): number {
    return this.bodyStart;
  }
}

/** A payload with more pieces than this is joined, because each piece has a cost for its receiver. */
const MOST_PIECES = 8;

/** A message whose headers and payload arrived in several pieces. They are joined on demand. */
export class SplitMessage extends WireMessage {
  private joined: Buffer | undefined;

  constructor(
    sid: number,
    line: Buffer,
    subjectEnd: number,
    replyStart: number,
    replyEnd: number,
    private readonly parts: readonly Buffer[],
    headersLength: number,
    length: number,
  ) {
    super(sid, line, 0, subjectEnd, replyStart, replyEnd, headersLength, length);
  }

  get data(): Uint8Array {
    return this.body.subarray(this.headersLength);
  }

  get pieces(): readonly Uint8Array[] {
    return this.headersLength === 0 && this.parts.length <= MOST_PIECES ? this.parts : [this.data];
  }

  protected get body(): Buffer {
    return (this.joined ??= Buffer.concat(this.parts, this.length));
  }

  protected get head(): Buffer {
    return this.body;
  }

  protected get headStart(): number {
    return 0;
  }
}

/** Subjects are almost always ASCII, which is decoded several times faster than UTF-8. */
function text(buffer: Buffer, start: number, end: number): string {
  for (let i = start; i < end; i++) if (buffer[i] > 127) return buffer.toString('utf8', start, end);
  return buffer.toString('latin1', start, end);
}
