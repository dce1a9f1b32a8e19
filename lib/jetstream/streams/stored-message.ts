import { Buffer } from 'node:buffer';
import type { MsgHdrs } from '@nats-io/transport-node';
import { parseJson } from '../../codecs/index.js';
import { isHeaderBlock, MessageHeaders } from '../../connection/index.js';
import type { DirectReply } from './direct-reply.js';

/** A message as stored in a stream. */
export class StoredMessage {
  /** @internal Created by `Stream`. */
  constructor(
    /** The name of the stream. */
    readonly stream: string,
    /** The subject under which it is stored. */
    readonly subject: string,
    /** Its sequence in the stream. */
    readonly sequence: number,
    /** When it was stored. */
    readonly time: Date,
    /** The payload. */
    readonly data: Uint8Array,
    /** The headers with which it was published; `undefined` if it has none. */
    readonly headers: MsgHdrs | undefined,
    /**
     * Whether the headers can be read: the message has none, or their block begins with `NATS/1.0`. Invalid lines in it
     * are skipped. With `false`, `headers` is empty.
     */
    readonly headersValid = true,
    /** The header block as it was stored; `undefined` if the message has none. */
    readonly rawHeaders?: Uint8Array | undefined,
  ) {}

  /** The payload as UTF-8 text. */
  text(): string {
    return Buffer.from(this.data.buffer, this.data.byteOffset, this.data.length).toString('utf8');
  }

  /** The payload parsed as JSON. @throws {@link PayloadDecodingError} if it is not JSON */
  json<T = unknown>(): T {
    return parseJson(this.data) as T;
  }
}

/** The message in a response to `STREAM.MSG.GET`. */
export interface WireStoredMessage {
  readonly subject: string;
  readonly seq: number;
  readonly time: string;
  /** Base 64. */
  readonly data?: string;
  /** Base 64 of the headers as transmitted. */
  readonly hdrs?: string;
}

/** Reads a response to `STREAM.MSG.GET`. */
export function fromApi(
  stream: string,
  { subject, seq, time, data = '', hdrs }: WireStoredMessage,
): StoredMessage {
  const block = hdrs === undefined ? undefined : Buffer.from(hdrs, 'base64');
  return stored({ stream, subject, sequence: seq, time: new Date(time), block }, Buffer.from(data, 'base64'));
}

/** Creates a message from a reply to a direct get. */
export function fromDirectReply(reply: DirectReply, data: Uint8Array): StoredMessage {
  return stored(reply, data);
}

function stored(
  { stream, subject, sequence, time, block }: Omit<DirectReply, 'isWhole'>,
  data: Uint8Array,
): StoredMessage {
  const headers = block && MessageHeaders.decode(block);
  return new StoredMessage(
    stream,
    subject,
    sequence,
    time,
    data,
    headers,
    block === undefined || isHeaderBlock(block),
    block,
  );
}
