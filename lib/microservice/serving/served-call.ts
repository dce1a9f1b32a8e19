import { NatsRecord } from '@nestjs/microservices';
import type { Msg, MsgHdrs, PublishOptions } from '@nats-io/transport-node';
import type { Codec } from '../../codecs/index.js';
import type { JetStreamConnection } from '../../connection/index.js';
import type { PublishHeaders } from '../../jetstream/index.js';
import { JetStreamRecord } from '../client/jetstream-record.js';
import type { JetStreamRequestContext } from '../context/index.js';
import { canCancel, toHeaders, type ReplyPacket } from '../packets/index.js';
import { answer, type AnswerSink, type CancelAnswers } from './answers.js';
import type { CallInProgress, CallsInProgress } from './calls-in-progress.js';
import { errorForPacket, errorText, isUnknownError } from './handler-error.js';

/** What the calls of one server share. */
export interface ServingContext {
  readonly connection: JetStreamConnection;
  readonly codec: Codec;
  readonly calls: CallsInProgress;
  /** Reports what there is no caller to tell. */
  readonly onError: (text: string) => void;
}

interface AnswerContent {
  readonly data: unknown;
  readonly headers?: MsgHdrs;
}

/** After so many answers of one iterable it is waited until the server has them. */
const FLUSH_AFTER = 128;

/** One message that is being handled, and what is answered to it. */
export class ServedCall implements AnswerSink, CallInProgress {
  place = -1;
  since = 0;
  /** Called once, when all is answered or nothing is to be answered any more. */
  onEnd: (() => void) | undefined;
  private control = 0;
  private answers = 0;
  private ended = false;
  /** The answer that may be the last. */
  private held: { readonly value: unknown } | undefined;
  private stop: CancelAnswers | undefined;

  constructor(
    private readonly serving: ServingContext,
    private readonly message: Msg,
    /** Nest's number of the request; without it the caller is not Nest, and takes bare answers. */
    private readonly id: string | undefined,
    private readonly context: JetStreamRequestContext,
  ) {
    serving.calls.add(this);
  }

  /** Whether nothing is to be answered any more. */
  get isOver(): boolean {
    return this.ended;
  }

  get wantsNotice(): boolean {
    return this.control === 0 && canCancel(this.id);
  }

  /** Answers with what the handler returned. */
  readonly settle = (result: unknown): void => {
    if (this.ended) return;
    this.stop = answer(result, this);
    // Called off while it was subscribed to.
    if (this.ended) this.stop?.();
  };

  only(value: unknown): void {
    this.respond(value, true);
    this.end();
  }

  next(value: unknown): void | Promise<void> {
    if (this.ended) return undefined;
    if (this.held) this.release();
    // An answer says itself that it is the last: so each is held back until the next, or the end of this turn.
    else process.nextTick(() => this.release());
    this.held = { value };
    if (++this.answers % FLUSH_AFTER !== 0) return undefined;
    // While the link is down there is nothing to wait for.
    return this.serving.connection.nc.flush().catch(() => undefined);
  }

  complete(): void {
    if (this.ended) return;
    if (this.held) this.respond(this.held.value, true);
    else this.send({ isDisposed: true, id: this.id });
    this.end();
  }

  readonly fail = (error: unknown): void => {
    if (this.ended) return;
    this.release();
    if (this.message.reply) {
      this.sendError(errorForPacket(error));
    } else if (!isUnknownError(error)) {
      this.serving.onError(`A handler of "${this.context.subject}" failed: ${errorText(error)}`);
    }
    this.end();
  };

  notify(): void {
    this.message.respond(undefined, { reply: this.controlSubject() });
  }

  cancel(): void {
    if (this.ended) return;
    this.end();
    this.stop?.();
    this.context.abort();
  }

  abandon(): void {
    if (this.ended) return;
    this.cancel();
    if (this.message.reply) this.sendError({ status: 'error', message: STOPPED });
  }

  /** Tells the caller that too many wait already. */
  turnAway(): void {
    this.cancel();
    if (this.message.reply) this.sendError({ status: 'error', code: 503, message: BUSY }, 503);
  }

  private release(): void {
    if (this.held === undefined || this.ended) return;
    const { value } = this.held;
    this.held = undefined;
    this.respond(value, false);
  }

  private respond(value: unknown, isLast: boolean): void {
    if (!this.message.reply) return;
    const content = this.contentOf(value);
    if (content === undefined) return;
    const { data, headers } = content;
    const { id } = this;
    // In the order of Nest's own servers.
    if (id === undefined) this.sendBare(data, headers);
    else if (isLast) this.send({ response: data, isDisposed: true, id }, { headers });
    else this.send({ response: data, id }, { headers, reply: this.controlSubject() });
  }

  /** Where the caller can call the rest off; the server itself says so there when nobody takes the answers any more. */
  private controlSubject(): string {
    const { calls } = this.serving;
    if (this.control === 0) this.control = calls.control(this);
    return calls.controlSubject(this.control);
  }

  private send(packet: ReplyPacket, options?: PublishOptions): void {
    if (this.id === undefined || !this.message.reply) return;
    const payload = this.encode(packet);
    if (payload) this.answer(payload, options);
  }

  private sendBare(data: unknown, headers: MsgHdrs | undefined): void {
    const payload = data instanceof Uint8Array ? data : this.encode(data);
    if (payload) this.answer(payload, { headers });
  }

  private sendError(err: unknown, code = 500): void {
    if (this.id !== undefined) return this.send({ err, isDisposed: true, id: this.id });
    // As services of every other NATS client do (ADR-32).
    const text = errorText(err).replace(/[\r\n]+/g, ' ');
    const headers = toHeaders({ 'Nats-Service-Error-Code': String(code), 'Nats-Service-Error': text });
    this.answer(EMPTY, { headers });
  }

  private answer(payload: Uint8Array, { reply, headers }: PublishOptions = {}): void {
    if (this.message.reply) this.serving.connection.wire.publish(this.message.reply, payload, reply, headers);
  }

  /** What a handler answers, and the headers where it gave some. */
  private contentOf(value: unknown): AnswerContent | undefined {
    if (!(value instanceof JetStreamRecord) && !(value instanceof NatsRecord)) return { data: value };
    const headers: unknown = value instanceof JetStreamRecord ? value.options.headers : value.headers;
    try {
      return { data: value.data, headers: toHeaders(headers as PublishHeaders | undefined) };
    } catch (error) {
      return this.refuse(`has headers that cannot be sent: ${errorText(error)}`);
    }
  }

  private encode(value: unknown): Uint8Array | undefined {
    const { codec, connection } = this.serving;
    let payload: Uint8Array;
    try {
      payload = codec.encode(value);
    } catch (error) {
      return this.refuse(`cannot be encoded: ${errorText(error)}`);
    }
    const { maxPayload } = connection;
    if (payload.length <= maxPayload) return payload;
    return this.refuse(`of ${payload.length} bytes is larger than the server takes (${maxPayload})`);
  }

  /** An answer that cannot be sent is an error of the handler; the caller is told what it can be told. */
  private refuse(problem: string): undefined {
    this.serving.onError(`The answer to "${this.context.subject}" ${problem}`);
    const isFirst = !this.ended;
    this.cancel();
    if (isFirst) this.sendError({ status: 'error', message: `The answer ${problem}` });
    return undefined;
  }

  private end(): void {
    if (this.ended) return;
    this.ended = true;
    this.serving.calls.delete(this, this.control);
    this.onEnd?.();
  }
}

const BUSY = 'The service has too many requests waiting';
const STOPPED = 'The service stopped before it had an answer';
const EMPTY = new Uint8Array(0);
