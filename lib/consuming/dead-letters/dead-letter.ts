import type { MsgHdrs } from '@nats-io/transport-node';
import { parseJson, utf8 } from '../../codecs/index.js';
import { MessageHeaders } from '../../connection/index.js';
import type { JetStreamMessage, StoredMessage } from '../../jetstream/index.js';
import { numberFromPeer } from '../../validation/index.js';
import {
  OMITTED_PAYLOAD_HEADER,
  originalHeaders,
  publishableHeaders,
  readDetails,
  readOriginal,
  toDeadLetter,
  type DeadLetterDetails,
} from './dead-letter-headers.js';

/** A message that could not be handled: the original message and the details of its failure. */
export class DeadLetter {
  private original: MsgHdrs | undefined;

  private constructor(
    /** The sequence of the dead letter in the dead-letter stream, which the methods of {@link DeadLetters} accept. */
    readonly sequence: number,
    /** When the dead letter was stored. */
    readonly time: Date,
    /** The original payload; empty if it was too large to be stored, see {@link omittedPayloadSize}. */
    readonly data: Uint8Array,
    /**
     * The original's header block as it was transmitted, if the dead letter contains it in addition to its headers: the
     * block does not begin with `NATS/1.0`, has a name that no client writes, is not formatted as clients do, or is
     * very large. Otherwise `undefined`.
     */
    readonly rawHeaders: Uint8Array | undefined,
    private readonly stored: MsgHdrs,
    private readonly details: DeadLetterDetails,
  ) {}

  /** @internal `undefined` if the message is not a dead letter. */
  static from(message: StoredMessage | JetStreamMessage): DeadLetter | undefined {
    const { headers } = message;
    const details = readDetails(headers);
    if (!headers || !details) return undefined;
    const { block, data } = readOriginal(headers, message.data);
    if ('time' in message)
      return new DeadLetter(message.sequence, message.time, data, block, headers, details);
    const { streamSequence, timestamp } = message.metadata;
    return new DeadLetter(streamSequence, timestamp, data, block, headers, details);
  }

  /** The stream of the original message. */
  get stream(): string {
    return this.details.stream;
  }

  /** The consumer that delivered the original message. */
  get consumer(): string {
    return this.details.consumer;
  }

  /** The subject to which the original was published. */
  get subject(): string {
    return this.details.subject;
  }

  /** The sequence of the original in its stream. */
  get streamSequence(): number {
    return numberFromPeer(this.details.sequence, { least: 1, most: Number.MAX_SAFE_INTEGER }) ?? 0;
  }

  /** When the original was stored in its stream; if the headers do not include it, when the dead letter was stored. */
  get published(): Date {
    const published = new Date(this.details.published);
    return Number.isNaN(published.getTime()) ? this.time : published;
  }

  /** The number of deliveries of the original. */
  get deliveries(): number {
    return numberFromPeer(this.details.deliveries, { least: 0, most: Number.MAX_SAFE_INTEGER }) ?? 0;
  }

  /** The class and method of the handler, such as `Billing.onCreated`. */
  get handler(): string {
    return this.details.handler;
  }

  /**
   * The reason why the message became a dead letter: a {@link DeadLetterReason}, or the reason of a
   * {@link TerminateMessage}.
   */
  get reason(): string {
    return this.details.reason;
  }

  /** The error of the last delivery, starting with its name; empty if the process ended before it could report one. */
  get error(): string {
    return this.details.error;
  }

  /**
   * The size of the original payload in bytes, if it did not fit into one message with the details. The dead letter is
   * then stored without it, and with as many of the original headers as fit. A replay reads the original from its
   * stream. `undefined` if the dead letter is complete.
   */
  get omittedPayloadSize(): number | undefined {
    if (this.data.length > 0) return undefined;
    return numberFromPeer(this.stored.get(OMITTED_PAYLOAD_HEADER), {
      least: 0,
      most: Number.MAX_SAFE_INTEGER,
    });
  }

  /**
   * The original headers, unchanged; `undefined` if the original has none. A dead letter without payload has as many of
   * them as fit.
   */
  get headers(): MsgHdrs | undefined {
    this.original ??= originalHeaders(this.stored, this.rawHeaders);
    return this.original.keys().length > 0 ? this.original : undefined;
  }

  /**
   * @internal The original headers without instructions to the server, which were carried out when the original was
   * published.
   */
  get publishableHeaders(): MsgHdrs {
    return publishableHeaders(this.headers ?? new MessageHeaders());
  }

  /** @internal The same dead letter with the payload and all headers of its original. */
  completedBy(message: StoredMessage): DeadLetter {
    const { sequence, time, details } = this;
    const { headers, data } = toDeadLetter(message, details, Infinity);
    const original = readOriginal(headers, data);
    return new DeadLetter(sequence, time, original.data, original.block, headers, details);
  }

  /** The dead letter for `JSON.stringify`: the payload as text instead of bytes, the headers as an object. */
  toJSON(): Record<string, unknown> {
    const { sequence, time, stream, consumer, subject, streamSequence, published, deliveries } = this;
    const { handler, reason, error, headers, omittedPayloadSize } = this;
    const details = {
      stream,
      consumer,
      subject,
      streamSequence,
      published,
      deliveries,
      handler,
      reason,
      error,
    };
    return {
      sequence,
      time,
      ...details,
      headers: Object.fromEntries(headers ?? []),
      omittedPayloadSize,
      payload: this.text(),
    };
  }

  /** The original payload as UTF-8 text. */
  text(): string {
    return utf8(this.data);
  }

  /** The original payload parsed as JSON. @throws {@link PayloadDecodingError} if it is not JSON */
  json<T = unknown>(): T {
    return parseJson(this.data) as T;
  }
}
