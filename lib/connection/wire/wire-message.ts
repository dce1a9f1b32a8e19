import type { Buffer } from 'node:buffer';
import type { Msg, MsgHdrs, PublishOptions } from '@nats-io/transport-node';
import { decodeHeaders } from './client-protocol.js';
import type { Wire } from './wire.js';

const decoder = new TextDecoder();

/**
 * A core NATS message that reads from the bytes it came in what it is asked for, when it is asked.
 *
 * The bytes of its line (subject and reply) and of its body may lie in different buffers, where a message was split.
 */
export class WireMessage implements Msg {
  private subjectText: string | undefined;
  private replyText: string | undefined;
  private decodedHeaders: MsgHdrs | undefined;
  private payload: Uint8Array | undefined;

  constructor(
    private readonly wire: Wire,
    readonly sid: number,
    private readonly line: Buffer,
    private readonly subjectStart: number,
    private readonly subjectEnd: number,
    /** Not before `replyStart`; equal to it where there is no reply subject. */
    private readonly replyStart: number,
    private readonly replyEnd: number,
    private readonly body: Buffer,
    private readonly bodyStart: number,
    /** 0 where there are no headers. */
    private readonly headersLength: number,
    private readonly bodyEnd: number,
  ) {}

  get subject(): string {
    return (this.subjectText ??= text(this.line, this.subjectStart, this.subjectEnd));
  }

  get reply(): string {
    return (this.replyText ??= text(this.line, this.replyStart, this.replyEnd));
  }

  get headers(): MsgHdrs | undefined {
    if (this.headersLength === 0) return undefined;
    return (this.decodedHeaders ??= decodeHeaders?.(
      this.body.subarray(this.bodyStart, this.bodyStart + this.headersLength),
    ));
  }

  get data(): Uint8Array {
    return (this.payload ??= this.body.subarray(this.bodyStart + this.headersLength, this.bodyEnd));
  }

  respond(data: Uint8Array | string = '', options: PublishOptions = {}): boolean {
    if (this.reply === '') return false;
    this.wire.publish(this.reply, data, options.reply, options.headers);
    return true;
  }

  string(): string {
    return decoder.decode(this.data);
  }

  json<T>(reviver?: (this: unknown, key: string, value: unknown) => unknown): T {
    return JSON.parse(this.string(), reviver) as T;
  }

  /** The size that the server counts: subject, reply, headers and payload. */
  size(): number {
    return (
      this.subjectEnd -
      this.subjectStart +
      (this.replyEnd - this.replyStart) +
      (this.bodyEnd - this.bodyStart)
    );
  }
}

/** Subjects are ASCII nearly always, which is read several times faster than UTF-8. */
function text(buffer: Buffer, start: number, end: number): string {
  for (let i = start; i < end; i++) if (buffer[i] > 127) return buffer.toString('utf8', start, end);
  return buffer.toString('latin1', start, end);
}
