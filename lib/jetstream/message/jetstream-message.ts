import type { Msg, MsgHdrs } from '@nats-io/transport-node';
import { exactUtf8, parseJson } from '../../codecs/index.js';
import { hasValidHeaders, type PostOptions, rawHeadersOf, WireMessage } from '../../connection/index.js';
import {
  ConnectionClosedError,
  MessageAlreadySettledError,
  NotAJetStreamMessageError,
} from '../../errors/index.js';
import { isInstance } from '../../reporting/index.js';
import type { Requests } from '../../requests/index.js';
import { toNanosAtMost, untilAborted } from '../../timing/index.js';
import { throwIfAborted } from '../../user-code/index.js';
import { checkMilliseconds, checkOptionalText, FINITE } from '../../validation/index.js';
import { type CallOptions, waitOf } from '../api/index.js';
import { type MessageMetadata, parseMetadata } from './message-metadata.js';

const ACK = '+ACK';
const NAK = '-NAK';
const IN_PROGRESS = '+WPI';
const TERM = '+TERM';

const SETTLEMENT: PostOptions = { purpose: 'the acknowledgement of a message' };
const SIGN_OF_LIFE: PostOptions = { purpose: 'the extension of the ack wait of a message' };

const NO_OPTIONS: CallOptions = {};

/** How a message was settled. Delays in milliseconds. */
export type MessageOutcome =
  | { readonly outcome: 'acked' }
  | { readonly outcome: 'retried'; readonly delay: number }
  | { readonly outcome: 'terminated'; readonly reason?: string }
  /** Its dead letter is stored. */
  | { readonly outcome: 'dead-lettered'; readonly reason: string };

const ACKED: MessageOutcome = { outcome: 'acked' };

/**
 * Decides which acknowledgements are sent to the server, for consumers whose acknowledgements cover earlier messages
 * (`ackPolicy` all).
 */
export interface AnswerOutlet {
  /** Called when the message was settled, or declared in progress. Must not throw. */
  answer(message: JetStreamMessage, answer: string): void;
  /** Called when the message was acknowledged by `doubleAck`. */
  confirm(message: JetStreamMessage, options: Pick<CallOptions, 'timeout'>): Promise<void>;
}

/**
 * A message delivered by a consumer. Everything except its payload's bytes is read on demand.
 *
 * It can be settled once, by `ack`, `doubleAck`, `nak` or `term`; settling it again throws
 * {@link MessageAlreadySettledError}. `inProgress` may be called any number of times before.
 */
export class JetStreamMessage {
  /** @internal When it arrived, in ticks of the keep-alive timer. */
  arrivedAt = 0;
  /** @internal Receives the answers, if they are not sent directly to the server. */
  outlet: AnswerOutlet | undefined;
  /** @internal Whether its ack wait is no longer extended although its handler runs. */
  expired = false;
  // Assigned here, so that all messages have the same shape.
  private answered: 'acked' | 'retried' | 'terminated' | undefined = undefined;
  /** The delay of `nak`, or the reason of `term`. */
  private detail: number | string | undefined;
  /** Why its dead letter is stored. */
  private keptFor: string | undefined;
  private parsed: MessageMetadata | undefined;

  /** @internal Created by consumers only. */
  constructor(
    /** The underlying core NATS message. */
    readonly msg: Msg,
    private readonly requests: Requests,
  ) {}

  /** @internal Whether an error means that the connection of the message is closed, which it actually is. */
  isCutOffBy(error: unknown): boolean {
    const { name, nc } = this.requests.connection;
    return nc.isClosed() && isInstance(error, ConnectionClosedError) && error.connection === name;
  }

  /** The subject that the message was published to. */
  get subject(): string {
    return this.msg.subject;
  }

  /** The acknowledgement subject. */
  get reply(): string {
    return this.msg.reply ?? '';
  }

  /** The payload, without copying: valid as long as it is referenced. */
  get data(): Uint8Array {
    return this.msg.data;
  }

  /** @internal The payload as it was received, possibly in several pieces. */
  get pieces(): readonly Uint8Array[] {
    return this.msg instanceof WireMessage ? this.msg.pieces : [this.msg.data];
  }

  /** The headers; `undefined` if the message has none. */
  get headers(): MsgHdrs | undefined {
    return this.msg.headers;
  }

  /** @internal The headers if they may contain a `Content-Type`; other headers do not have to be parsed for it. */
  get contentHeaders(): MsgHdrs | undefined {
    return this.msg instanceof WireMessage && !this.msg.mayHave('Content-Type') ? undefined : this.headers;
  }

  /**
   * Whether the headers can be read: the message has none, or their block begins with `NATS/1.0`. Invalid lines in it
   * are skipped. With `false`, `headers` is empty, and handlers treat the message as one with an invalid payload.
   */
  get headersValid(): boolean {
    return hasValidHeaders(this.msg);
  }

  /** The header block as it was transmitted; `undefined` if the message has none. */
  get rawHeaders(): Uint8Array | undefined {
    return rawHeadersOf(this.msg);
  }

  /**
   * Stream, consumer, sequences, delivery count, time.
   *
   * @throws {@link NotAJetStreamMessageError} if the message was not delivered by a consumer
   */
  get metadata(): MessageMetadata {
    this.parsed ??= parseMetadata(this.reply);
    if (!this.parsed) throw new NotAJetStreamMessageError(this.subject, this.reply);
    return this.parsed;
  }

  /** Whether `ack`, `doubleAck`, `nak` or `term` has been called. */
  get settled(): boolean {
    return this.answered !== undefined;
  }

  /** @internal Whether it was settled by `nak`, so that it is delivered again. */
  get returned(): boolean {
    return this.answered === 'retried';
  }

  /** How the message was settled; `undefined` if it is not settled. */
  get outcome(): MessageOutcome | undefined {
    const { answered, detail, keptFor } = this;
    if (keptFor !== undefined) return { outcome: 'dead-lettered', reason: keptFor };
    if (answered === undefined || answered === 'acked') return answered && ACKED;
    if (answered === 'retried') return { outcome: answered, delay: typeof detail === 'number' ? detail : 0 };
    return typeof detail === 'string' ? { outcome: answered, reason: detail } : { outcome: answered };
  }

  /**
   * @internal Whether its settlement has no effect: the connection is closed. The server accepts a settlement after the ack wait, even
   * if it has delivered the message again.
   */
  get isLost(): boolean {
    return this.requests.connection.nc.isClosed();
  }

  /** @internal Called when its dead letter is stored. */
  kept(reason: string): void {
    this.keptFor = reason;
  }

  /** The payload as UTF-8 text. */
  text(): string {
    return exactUtf8(this.msg.data);
  }

  /** The payload parsed as JSON. @throws {@link PayloadDecodingError} if it is not JSON */
  json<T = unknown>(): T {
    return parseJson(this.msg.data) as T;
  }

  /**
   * Acknowledges the message; does not wait for a confirmation of the server.
   *
   * @throws {@link MessageAlreadySettledError}
   */
  ack(): void {
    this.settle('acked');
    this.respond(ACK);
  }

  /**
   * Acknowledges the message and waits until the server has confirmed it.
   *
   * @throws {@link RequestTimeoutError} if the server did not confirm in time: the message may be delivered again
   */
  async doubleAck(options: CallOptions = NO_OPTIONS): Promise<void> {
    const { timeout, signal } = options === NO_OPTIONS ? NO_OPTIONS : waitOf(options);
    throwIfAborted(signal);
    this.settle('acked');
    // One confirmation may cover the messages of several callers, so the signal of one of them does not end it.
    await untilAborted(
      signal,
      this.outlet ? this.outlet.confirm(this, { timeout }) : this.requestAck(this.reply, { timeout, signal }),
    );
  }

  /** @internal Acknowledges with a reply subject, and waits for the server's confirmation. */
  async requestAck(reply: string, options: CallOptions): Promise<void> {
    await this.requests.request(reply, ACK, options);
  }

  /**
   * Requests another delivery of the message.
   *
   * @param delay the delay in milliseconds; if omitted, the message is redelivered at once. A delay of more than 292
   * years counts as 292 years, the longest that servers support
   * @throws {@link InvalidArgumentError} if the delay is not a number of milliseconds; the message is then not settled
   * @throws {@link MessageAlreadySettledError}
   */
  nak(delay?: number): void {
    if (delay !== undefined) checkMilliseconds('delay', delay, FINITE);
    this.settle('retried', delay);
    this.respond(delay ? `-NAK {"delay":${toNanosAtMost(delay)}}` : NAK);
  }

  /**
   * Declares the message in progress: the server restarts `ackWait`.
   *
   * @throws {@link MessageAlreadySettledError}
   */
  inProgress(): void {
    if (this.settled) throw new MessageAlreadySettledError(this.subject);
    this.respond(IN_PROGRESS, SIGN_OF_LIFE);
  }

  /**
   * Terminates the message: it is not delivered again although it was not handled.
   *
   * @param reason for the server's advisory; nats-server 2.10.4. It is not sent to older servers, which would not
   * understand it
   * @throws {@link MessageAlreadySettledError}, {@link InvalidArgumentError}
   */
  term(reason?: string): void {
    checkOptionalText('reason', reason);
    this.settle('terminated', reason);
    const told = reason !== undefined && this.requests.connection.supports('2.10.4');
    if (told) this.respondWith(`+TERM ${reason.replace(/[\r\n]+/g, ' ')}`);
    else this.respond(TERM);
  }

  /**
   * Sends an answer of the protocol; these are short and ASCII. On a closed connection the answer is lost, and the
   * message is delivered again after the ack wait.
   */
  private respond(answer: string, options = SETTLEMENT): void {
    if (this.outlet) this.outlet.answer(this, answer);
    else this.requests.connection.answer(this.msg, answer, options);
  }

  /** Like {@link respond}, with text of the caller. */
  private respondWith(answer: string): void {
    if (this.outlet) this.outlet.answer(this, answer);
    else this.post(answer);
  }

  /** @internal Sends an answer with a reply subject, regardless of earlier answers. */
  post(answer: string, reply = this.reply): void {
    this.requests.connection.post(reply, answer, SETTLEMENT);
  }

  private settle(how: 'acked' | 'retried' | 'terminated', detail?: number | string): void {
    if (this.settled) throw new MessageAlreadySettledError(this.subject);
    this.answered = how;
    if (detail !== undefined) this.detail = detail;
  }
}
