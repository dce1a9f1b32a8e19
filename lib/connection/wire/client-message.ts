import { Buffer } from 'node:buffer';
import type { Msg, MsgHdrs, PublishOptions } from '@nats-io/transport-node';
import { MessageHeaders } from './message-headers.js';
import type { ReceivedMessage } from './received-message.js';
import type { Publisher } from './wire-message.js';

/** Members of the client's messages that their type does not declare. */
interface Sized {
  /** Subject, reply subject, headers and payload, in bytes. */
  readonly size?: () => number;
}

/**
 * A message that the client's own parser created, with headers that can be read regardless of their content: the client
 * throws an error for an invalid line.
 */
export class ClientMessage implements ReceivedMessage {
  private headersRead: MsgHdrs | undefined;

  constructor(
    private readonly msg: Msg & Sized,
    private readonly publisher: Publisher,
  ) {}

  get subject(): string {
    return this.msg.subject;
  }

  get sid(): number {
    return this.msg.sid;
  }

  get reply(): string | undefined {
    return this.msg.reply;
  }

  get data(): Uint8Array {
    return this.msg.data;
  }

  get headers(): MsgHdrs | undefined {
    if (this.headersRead) return this.headersRead;
    const block = this.rawHeaders;
    this.headersRead = block ? MessageHeaders.decode(block) : this.clientHeaders();
    return this.headersRead;
  }

  /** The header block. It precedes the payload in the same memory, and its length follows from the size. */
  get rawHeaders(): Uint8Array | undefined {
    const { msg } = this;
    if (msg.size === undefined) return undefined;
    const { buffer, byteOffset, length } = msg.data;
    const other = Buffer.byteLength(msg.subject) + Buffer.byteLength(msg.reply ?? '') + length;
    const size = msg.size() - other;
    return size > 0 && size <= byteOffset ? new Uint8Array(buffer, byteOffset - size, size) : undefined;
  }

  /** @throws {@link ConnectionClosedError}, {@link PayloadTooLargeError}, {@link InvalidSubjectError} */
  respond(data: Uint8Array | string = '', options: PublishOptions = {}): boolean {
    if (!this.reply) return false;
    this.publisher.publish(this.reply, data, options.reply, options.headers);
    return true;
  }

  json<T>(reviver?: (this: unknown, key: string, value: unknown) => unknown): T {
    return this.msg.json<T>(reviver);
  }

  string(): string {
    return this.msg.string();
  }

  size(): number {
    const { msg } = this;
    return msg.size ? msg.size() : msg.subject.length + (msg.reply?.length ?? 0) + msg.data.length;
  }

  private clientHeaders(): MsgHdrs | undefined {
    try {
      return this.msg.headers;
    } catch {
      return new MessageHeaders();
    }
  }
}
