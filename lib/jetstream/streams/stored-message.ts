import { Buffer } from 'node:buffer';
import type { Msg, MsgHdrs } from '@nats-io/transport-node';
import { MessageHeaders } from '../../connection/index.js';

/** A message as a stream keeps it. */
export class StoredMessage {
  /** @internal Made by `Stream`. */
  constructor(
    /** The name of the stream. */
    readonly stream: string,
    /** The subject that it is stored under. */
    readonly subject: string,
    /** Its sequence in the stream. */
    readonly sequence: number,
    /** When it was stored. */
    readonly time: Date,
    /** The payload. */
    readonly data: Uint8Array,
    /** The headers it was published with, `undefined` where it has none. */
    readonly headers: MsgHdrs | undefined,
  ) {}

  /** The payload as UTF-8 text. */
  text(): string {
    return Buffer.from(this.data.buffer, this.data.byteOffset, this.data.length).toString('utf8');
  }

  /** The payload parsed as JSON. @throws SyntaxError where it is not JSON */
  json<T = unknown>(): T {
    return JSON.parse(this.text()) as T;
  }
}

/** The message in an answer to `STREAM.MSG.GET`. */
export interface WireStoredMessage {
  readonly subject: string;
  readonly seq: number;
  readonly time: string;
  /** Base 64. */
  readonly data?: string;
  /** Base 64 of the headers as they travel. */
  readonly hdrs?: string;
}

/** Reads an answer to `STREAM.MSG.GET`. */
export function fromApi(stream: string, wire: WireStoredMessage): StoredMessage {
  return new StoredMessage(
    stream,
    wire.subject,
    wire.seq,
    new Date(wire.time),
    Buffer.from(wire.data ?? '', 'base64'),
    wire.hdrs === undefined ? undefined : MessageHeaders.decode(Buffer.from(wire.hdrs, 'base64')),
  );
}

/**
 * Reads an answer to a direct get (ADR-31): the payload as it is, the rest in headers that the server adds behind
 * those of the message.
 *
 * @returns `undefined` where it is no such answer
 */
export function fromDirectGet(msg: Msg): StoredMessage | undefined {
  const { headers } = msg;
  const stream = headers?.last('Nats-Stream');
  const subject = headers?.last('Nats-Subject');
  if (!headers || !stream || !subject) return undefined;
  const sequence = Number(headers.last('Nats-Sequence'));
  const time = new Date(headers.last('Nats-Time-Stamp'));
  return new StoredMessage(stream, subject, sequence, time, msg.data, withoutAddedHeaders(headers));
}

const ADDED = [
  'Nats-Stream',
  'Nats-Subject',
  'Nats-Sequence',
  'Nats-Time-Stamp',
  'Nats-Num-Pending',
  'Nats-Last-Sequence',
];

// A message that was itself republished has headers of these names before those that the server adds.
function withoutAddedHeaders(headers: MsgHdrs): MsgHdrs | undefined {
  for (const name of ADDED) {
    const own = headers.values(name).slice(0, -1);
    headers.delete(name);
    for (const value of own) headers.append(name, value);
  }
  return headers.keys().length > 0 ? headers : undefined;
}
