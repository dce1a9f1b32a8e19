import { Buffer } from 'node:buffer';
import type { Msg, MsgHdrs } from '@nats-io/transport-node';
import { type Codec, encodePayload } from '../../codecs/index.js';
import type { JetStreamConnection } from '../../connection/index.js';
import type { CleanScope } from '../../consuming/index.js';
import { headerSize } from '../../jetstream/index.js';
import { printable } from '../../reporting/index.js';
import { isReplyAllowed } from '../../validation/index.js';
import type { JetStreamRequestContext } from '../context/index.js';
import { canCancel, encodePacket, type ReplyPacket, toHeaders } from '../packets/index.js';
import { answerContent, type AnswerContent } from './answer-content.js';
import { answer, type AnswerSink, type CancelAnswers } from './answers.js';
import type { CallInProgress, CallsInProgress } from './calls-in-progress.js';
import { errorForPacket, errorText, isUnknownError } from './handler-error.js';

/** The services that all calls of one server share. */
export interface ServingContext {
  readonly connection: JetStreamConnection;
  readonly codec: Codec;
  readonly calls: CallsInProgress;
  /** The asynchronous scope of handlers. */
  readonly scope: CleanScope;
  /** Reports an error that cannot be sent to a caller. It never throws. */
  readonly onError: (text: string) => void;
  /** Reports a message whose reply subject the service must not publish to. It never throws. */
  readonly onForbiddenReply: (message: Msg) => void;
}

/**
 * The reply subject of a message, if the service may publish to it; otherwise it is reported, and no answer is sent.
 */
export function replySubjectOf(message: Msg, serving: ServingContext): string | undefined {
  const { reply } = message;
  if (!reply) return undefined;
  if (isReplyAllowed(reply, serving.calls.longestControlSubject)) return reply;
  serving.onForbiddenReply(message);
  return undefined;
}

/** Why a call has no answer; without an error it was cancelled. */
export interface CallFailure {
  readonly error?: unknown;
}

interface AnswerOptions {
  readonly headers?: MsgHdrs | undefined;
  /** The control subject, to which the caller can send a cancellation. */
  readonly control?: string | undefined;
}

/**
 * After this number of answers of one iterable, the call waits until the server has received them, up to the request
 * timeout.
 */
const FLUSH_AFTER = 128;

/**
 * One message that is being handled, and its answers. No public method throws, because they are called from timers,
 * from the parser of the link and from the user's observables.
 */
export class ServedCall implements AnswerSink, CallInProgress {
  place = -1;
  since = 0;
  /** Called once, when all answers are sent, or no more are to be sent and their producer has ended. */
  onEnd: (() => void) | undefined;
  /** Called once, when the caller gets no more answers. */
  onOver: ((failure: CallFailure | undefined) => void) | undefined;
  private failure: CallFailure | undefined;
  private readonly replyTo: string | undefined;
  private control = 0;
  private answers = 0;
  private ended = false;
  /** Whether the call was cancelled while the handler's result is being processed. */
  private calledOff = false;
  private settling = false;
  private refused = false;
  /** The answer that may be the last one. */
  private held: { readonly value: unknown } | undefined;
  private stop: CancelAnswers | undefined;

  constructor(
    private readonly serving: ServingContext,
    readonly message: Msg,
    /** Nest's number of the request; without it the caller does not use Nest, and expects bare answers. */
    private readonly id: string | undefined,
    private readonly context: JetStreamRequestContext,
  ) {
    this.replyTo = replySubjectOf(message, serving);
    serving.calls.add(this);
  }

  /** Whether no more answers are to be sent. */
  get isOver(): boolean {
    return this.ended;
  }

  get wantsNotice(): boolean {
    return this.control === 0 && this.replyTo !== undefined && canCancel(this.id);
  }

  /** Sends the handler's result as the answer. */
  readonly settle = (result: unknown): void => {
    if (this.ended) return;
    this.settling = true;
    this.stop = answer(result, this);
    this.settling = false;
    // The call was cancelled while the result was subscribed to.
    if (this.calledOff) this.endAfter(this.stop?.());
  };

  only(value: unknown): void {
    this.respond(value, true);
    this.end();
  }

  next(value: unknown): void | Promise<void> {
    if (this.ended) return undefined;
    if (this.held) this.release();
    // The last answer must be marked as such, so each one is held back until the next one or the end of this turn.
    else process.nextTick(() => this.release());
    this.held = { value };
    if (++this.answers % FLUSH_AFTER !== 0) return undefined;
    return this.flush();
  }

  complete(): void {
    if (this.ended) return;
    if (this.held) this.respond(this.held.value, true);
    else this.send({ isDisposed: true, id: this.id });
    this.end();
  }

  readonly fail = (error: unknown): void => {
    if (this.ended) return;
    this.failure = { error };
    this.release();
    try {
      if (this.replyTo !== undefined) this.sendError(errorForPacket(error));
      else if (!isUnknownError(error)) this.reportFailure(error);
    } catch {
      // The thrown value itself throws when it is read.
      this.reportFailure(error);
      this.sendError({ status: 'error', message: 'The handler failed with an error that cannot be read' });
    }
    this.end();
  };

  failStopped(error: unknown): void {
    this.serving.onError(
      `The answers of a handler of "${this.subject}" failed after they were cancelled: ${errorText(error)}`,
    );
  }

  notify(): void {
    const control = this.controlSubject();
    if (control !== undefined) this.send({ id: this.id, isDisposed: false }, { control });
  }

  cancel(): void {
    if (this.ended) return;
    this.failure ??= {};
    this.leave();
    this.calledOff = this.settling;
    const producing = this.stop?.();
    this.context.abort();
    if (!this.calledOff) this.endAfter(producing);
  }

  abandon(): void {
    if (this.ended) return;
    this.cancel();
    this.sendError({ status: 'error', message: STOPPED });
  }

  /** Tells the caller that too many requests are already waiting. */
  turnAway(): void {
    this.cancel();
    this.sendError({ status: 'error', code: 503, message: BUSY }, 503);
  }

  private get subject(): string {
    return printable(this.context.subject);
  }

  private reportFailure(error: unknown): void {
    this.serving.onError(`A handler of "${this.subject}" failed: ${errorText(error)}`);
  }

  private async flush(): Promise<void> {
    try {
      await this.serving.connection.flush();
    } catch {
      // The next answers are still produced, but slowly, because each of these waits takes time.
    }
  }

  private release(): void {
    if (this.held === undefined || this.ended) return;
    const { value } = this.held;
    this.held = undefined;
    this.respond(value, false);
  }

  private respond(value: unknown, isLast: boolean): void {
    if (this.replyTo === undefined) return;
    const content = this.contentOf(value);
    if (content === undefined) return;
    const { data, headers } = content;
    const { id } = this;
    // In the order of Nest's own servers.
    if (id === undefined) this.sendBare(data, headers);
    else if (isLast) this.send({ response: data, isDisposed: true, id }, { headers });
    else this.send({ response: data, id }, { headers, control: this.controlSubject() });
  }

  /**
   * The subject to which the caller can send a cancellation; the server also sends "no responders" there when the
   * caller no longer receives answers. `undefined` if the connection is closed.
   */
  private controlSubject(): string | undefined {
    const { calls } = this.serving;
    if (this.control === 0) this.control = calls.control(this);
    return this.control === 0 ? undefined : calls.controlSubject(this.control);
  }

  private send(packet: ReplyPacket, options?: AnswerOptions): void {
    if (this.id === undefined || this.replyTo === undefined) return;
    const payload = this.encoded(packet, encodePacket);
    if (payload) this.post(payload, options);
  }

  private sendBare(data: unknown, headers: MsgHdrs | undefined): void {
    const payload = data instanceof Uint8Array ? data : this.encoded(data ?? null, encodePayload);
    if (payload) this.post(payload, { headers });
  }

  private sendError(err: unknown, code = 500): void {
    if (this.replyTo === undefined) return;
    if (this.id !== undefined) return this.send({ err, isDisposed: true, id: this.id });
    // In the format of services of other NATS clients (ADR-32). The header is limited in length, and the payload is not
    // empty.
    const text = errorText(err).replaceAll('\\r\\n', ' ').replaceAll('\\n', ' ').replaceAll('\\r', ' ');
    const headers = toHeaders({ 'Nats-Service-Error-Code': String(code), 'Nats-Service-Error': text });
    this.post(Buffer.from(JSON.stringify({ code, message: text })), { headers });
  }

  /** Sends an answer if it fits; otherwise sends an error that fits. */
  private post(payload: Uint8Array, { control: reply, headers }: AnswerOptions = {}): void {
    const { connection } = this.serving;
    if (this.replyTo === undefined) return;
    const size = payload.length + (headers ? headerSize(headers) : 0);
    if (size > connection.maxPayload) {
      return this.refuse(`of ${size} bytes is larger than the server accepts (${connection.maxPayload})`);
    }
    if (payload.length === 0)
      return this.refuse('is empty, and only Nest clients can receive an empty answer');
    connection.post(this.replyTo, payload, { purpose: 'an answer', reply, headers });
  }

  private contentOf(value: unknown): AnswerContent | undefined {
    try {
      return answerContent(value);
    } catch (error) {
      this.refuse(`has headers that cannot be sent: ${errorText(error)}`);
      return undefined;
    }
  }

  private encoded<T>(value: T, encode: (codec: Codec, value: T) => Uint8Array): Uint8Array | undefined {
    try {
      return encode(this.serving.codec, value);
    } catch (error) {
      this.refuse(`cannot be encoded: ${errorText(error)}`);
    }
    return undefined;
  }

  /** An answer that cannot be sent counts as an error of the handler, and the caller receives an error. */
  private refuse(problem: string): void {
    if (this.refused) return;
    this.refused = true;
    this.serving.onError(`The answer to "${this.subject}" ${problem}`);
    this.cancel();
    this.sendError({ status: 'error', message: `The answer ${problem}` });
  }

  private end(): void {
    if (this.ended) return;
    this.leave();
    this.onEnd?.();
  }

  private leave(): void {
    this.ended = true;
    this.onOver?.(this.failure);
    this.serving.calls.delete(this, this.control);
  }

  private endAfter(producing: Promise<unknown> | undefined): void {
    if (producing === undefined) this.onEnd?.();
    else void producing.then(() => this.onEnd?.());
  }
}

const BUSY = 'The service has too many requests waiting';
const STOPPED = 'The service stopped before it had an answer';
