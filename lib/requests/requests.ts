import { Logger } from '@nestjs/common';
import type { Msg, MsgHdrs, PermissionViolationError, Subscription } from '@nats-io/transport-node';
import { type JetStreamConnection, toConnectionError, WireMessage } from '../connection/index.js';
import {
  ConnectionClosedError,
  InboxPermissionError,
  InvalidArgumentError,
  NoRespondersError,
  PermissionDeniedError,
  RequestTimeoutError,
  TooManyPendingRequestsError,
} from '../errors/index.js';
import { errorText, printable, shown, toError } from '../reporting/index.js';
import { abortError, checkSignal, onAbort, reasonError, rejectionOf, UserCalls } from '../user-code/index.js';
import { optionsCheck } from '../validation/index.js';
import { createInboxOf, serialOf } from './inbox.js';
import { type Outcome, type PendingRequest, PendingRequests } from './pending-requests.js';

/** Options of one request. */
export interface RequestOptions {
  /** How long to wait for the reply, in milliseconds. Default: the connection's `jetstream.timeout`. */
  readonly timeout?: number | undefined;
  readonly headers?: MsgHdrs | undefined;
  /**
   * Whether it is safe to send the request twice. Such a request is sent again if its reply is missing: after a
   * reconnect, and if there is no reply for a second or a quarter of its timeout, because a cluster without a leader
   * does not answer. Any other request waits until its deadline. Default `false`.
   */
  readonly idempotent?: boolean | undefined;
  /** Called before an idempotent request is sent again. Its errors are logged. */
  readonly onRepeat?: (() => void) | undefined;
  /** Ends the request: it fails with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

const checkOptions = optionsCheck<RequestOptions>('request', {
  // The names are chosen by the application.
  headers: true,
  idempotent: true,
  onRepeat: true,
  signal: true,
  timeout: true,
});

/** Receives the outcome of a request. */
export type ReplyHandler = (...outcome: Outcome) => void;

/** Receives the replies of a request that may have several; returns whether more are expected. */
export type RepliesHandler = (...outcome: Outcome) => boolean;

/** A number that no request has. */
const NO_REQUEST = -1;

/** The interval of deadline checks, in milliseconds: a request fails at most this long after its timeout. */
const TICK = 25;

/** When a request without a reply is repeated, in milliseconds; a quarter of its timeout if that is sooner. */
const REPEAT_AFTER = 1_000;
/** Requests with a shorter timeout are not repeated, in milliseconds. */
const SHORTEST_REPEATED = 400;
/** If more requests are pending, silence means that the server is busy, and repeating them would increase its load. */
const MOST_REPEATED = 1_000;

/**
 * Sends all requests of a connection: with one wildcard inbox subscription, a ring of pending requests, and one coarse
 * timer for all deadlines. The client's own requests create a timer, an error object and two promises each, which costs
 * several times as much as the rest of a request.
 *
 * While the connection is down, requests are held back and sent after the reconnect, because the client may discard
 * messages in the meantime. Unanswered requests that were sent before are sent again if they are `idempotent`.
 */
export class Requests {
  private readonly logger = new Logger(Requests.name);
  private readonly calls = new UserCalls(this.logger);
  private readonly inbox: string;
  private readonly pending = new PendingRequests();
  private readonly stopListening: () => void;
  private subscription: Subscription | undefined;
  private connected = true;
  private closed = false;
  private timer: NodeJS.Timeout | undefined;
  /** No deadline is earlier than this. */
  private earliest = Infinity;

  constructor(
    readonly connection: JetStreamConnection,
    /** The maximum number of pending requests; further requests fail immediately. */
    readonly maxPending = 100_000,
    /** Receives replies for requests that are no longer pending. Runs inside the parser of the link. */
    private readonly onStray?: (reply: Msg) => void,
  ) {
    this.inbox = `${createInboxOf(connection.nc)}.`;
    this.stopListening = connection.listen({
      onDisconnect: () => (this.connected = false),
      onReconnect: () => this.resume(),
      onClose: (cause) => this.end(cause),
      onPermissionDenied: (error) => this.deny(error),
    });
  }

  /** The number of pending requests. */
  get size(): number {
    return this.pending.size;
  }

  /**
   * Sends a request and resolves with its reply.
   *
   * @throws {@link RequestTimeoutError} if no reply arrived in time
   * @throws {@link NoRespondersError} if there are no responders on the subject
   * @throws {@link PermissionDeniedError} if this client may not publish to the subject
   * @throws {@link InboxPermissionError} if this client may not subscribe to its inbox
   * @throws {@link TooManyPendingRequestsError} if too many requests are already pending
   * @throws {@link ConnectionClosedError} if the connection is closed, or closes in the meantime
   */
  request(subject: string, data: Uint8Array | string, options: RequestOptions = {}): Promise<Msg> {
    return new Promise((resolve, reject) => {
      checkOptions(options);
      this.send(subject, data, options, (error, reply) =>
        error ? reject(rejectionOf(error)) : resolve(reply),
      );
    });
  }

  /**
   * Sends a request and calls back with its reply or with one of the errors of {@link request}: the form for hot paths,
   * without a promise. It never throws; an immediate failure calls back before it returns.
   */
  send(subject: string, data: Uint8Array | string, options: RequestOptions, onReply: ReplyHandler): void {
    const refusal = this.refusal(subject, options);
    if (refusal) return void this.call(onReply, subject, refusal, undefined);
    let request: PendingRequest;
    try {
      request = options.signal
        ? this.addUntil(options.signal, subject, data, options, onReply)
        : this.add(subject, data, options, onReply, false);
    } catch (error) {
      return void this.call(onReply, subject, toError(error), undefined);
    }
    if (this.connected) this.transmit(request);
  }

  /**
   * Sends a request that may have several replies, and calls back with each; the deadline restarts after every reply.
   * After an error, which is one of those of {@link request}, there are no further calls. It never throws.
   *
   * @returns the request's number, for {@link giveUp}
   */
  open(
    subject: string,
    data: Uint8Array | string,
    options: Omit<RequestOptions, 'signal'>,
    onReply: RepliesHandler,
  ): number {
    const refusal = this.refusal(subject, options);
    if (refusal) return this.refuse(subject, refusal, onReply);
    const request = this.add(subject, data, options, onReply, true);
    if (this.connected) this.transmit(request);
    return request.serial;
  }

  /**
   * Waits for replies to a message that is sent by other means and contains {@link replySubject}; otherwise the same as
   * {@link open}.
   *
   * @param subject the subject of the message, for errors
   */
  expect(subject: string, options: Pick<RequestOptions, 'timeout'>, onReply: RepliesHandler): number {
    const refusal = this.refusal(subject, options);
    if (refusal) return this.refuse(subject, refusal, onReply);
    const request = this.add(subject, '', options, onReply, true);
    request.sent = true;
    try {
      this.subscribe();
    } catch (cause) {
      this.failToSend(request, cause);
    }
    return request.serial;
  }

  /** The subject that receives the replies to a request. */
  replySubject(serial: number): string {
    return this.inbox + serial;
  }

  /** Stops waiting for a request's replies, without calling back. */
  giveUp(serial: number): void {
    this.pending.take(serial);
  }

  /** Fails all pending and all future requests. */
  close(): void {
    this.stopListening();
    this.end(undefined);
    this.subscription?.unsubscribe();
  }

  private add(
    subject: string,
    data: Uint8Array | string,
    options: RequestOptions,
    onReply: PendingRequest['onReply'],
    many: boolean,
  ): PendingRequest {
    const timeout = options.timeout ?? this.connection.timeout;
    const idempotent = options.idempotent ?? false;
    const now = performance.now();
    const repeatWait =
      idempotent && timeout >= SHORTEST_REPEATED ? Math.min(REPEAT_AFTER, timeout / 4) : Infinity;
    const request: PendingRequest = {
      serial: this.pending.next(),
      subject,
      data,
      headers: options.headers,
      timeout,
      deadline: now + timeout,
      idempotent,
      repeatAt: now + repeatWait,
      repeatWait: repeatWait * 2,
      onRepeat: options.onRepeat,
      many,
      onReply,
      sent: false,
    };
    this.pending.add(request);
    const due = Math.min(request.deadline, request.repeatAt);
    if (due < this.earliest) this.earliest = due;
    if (this.timer === undefined) this.startTimer();
    return request;
  }

  private refuse(subject: string, refusal: Error, onReply: RepliesHandler): number {
    this.call(onReply, subject, refusal, undefined);
    return NO_REQUEST;
  }

  private refusal(subject: string, { timeout, signal }: RequestOptions): Error | undefined {
    if (this.closed) return this.closedError(undefined);
    if (timeout !== undefined && (typeof timeout !== 'number' || Number.isNaN(timeout)))
      return new InvalidArgumentError('timeout', `${shown(timeout)} is not a number of milliseconds`);
    if (signal !== undefined) {
      const aborted = signalRefusal(signal);
      if (aborted) return aborted;
    }
    if (this.pending.size < this.maxPending) return undefined;
    return new TooManyPendingRequestsError(this.connection.name, subject, this.maxPending);
  }

  private transmit(request: PendingRequest): void {
    request.sent = true;
    try {
      this.subscribe();
      const reply = this.inbox + request.serial;
      // A caller that sends one request after another has nothing to combine it with.
      const alone = this.pending.size === 1;
      this.connection.wire.publish(request.subject, request.data, reply, request.headers, alone);
    } catch (cause) {
      this.failToSend(request, cause);
    }
  }

  private failToSend(request: PendingRequest, cause: unknown): void {
    this.fail(request, toConnectionError(cause, this.connection, { subject: request.subject }));
  }

  private subscribe(): void {
    this.subscription ??= this.connection.wire.subscribe(`${this.inbox}*`, {
      callback: (error, msg) => (error ? this.forbid(error) : this.receive(msg)),
    });
  }

  private receive(msg: Msg): void {
    const { length } = this.inbox;
    const serial = msg instanceof WireMessage ? msg.numberAfter(length) : serialOf(msg.subject, length);
    const request = this.pending.get(serial);
    // The reply arrived after the deadline, or a second time.
    if (request === undefined) return this.stray(msg);
    if (msg.data.length === 0 && isNoResponders(msg.headers)) {
      this.fail(request, new NoRespondersError(request.subject));
    } else if (request.many) {
      if (this.answer(request, undefined, msg) === true)
        request.deadline = performance.now() + request.timeout;
      else this.pending.take(request.serial);
    } else {
      this.pending.take(request.serial);
      this.answer(request, undefined, msg);
    }
  }

  private answer(request: PendingRequest, error: Error | undefined, reply: Msg | undefined): unknown {
    return this.call(request.onReply, request.subject, error, reply);
  }

  /**
   * Callbacks run inside the parser of the link, a timer or the code that aborts a signal, so their errors are caught
   * here.
   */
  private call(
    onReply: PendingRequest['onReply'],
    subject: string,
    error: Error | undefined,
    reply: Msg | undefined,
  ): unknown {
    try {
      // Exactly one of both is set. Passing them on as a list would cost an array for each reply.
      const result: unknown = (onReply as (error?: Error, reply?: Msg) => unknown)(error, reply);
      // The callback is an asynchronous function; its result is observed but not awaited.
      if (typeof result === 'object') this.calls.observe(nameOf(subject), result);
      return result;
    } catch (thrown) {
      this.calls.failed(nameOf(subject), thrown);
      return undefined;
    }
  }

  private stray(reply: Msg): void {
    if (this.onStray === undefined || this.closed) return;
    try {
      this.onStray(reply);
    } catch (thrown) {
      this.logger.error(`Handling a reply that no request is waiting for failed: ${errorText(thrown)}`);
    }
  }

  private fail(request: PendingRequest, error: Error): void {
    if (this.pending.take(request.serial)) this.answer(request, error, undefined);
  }

  private forbid(cause: Error): void {
    this.subscription = undefined;
    const error = new InboxPermissionError(this.connection.name, `${this.inbox}*`, { cause });
    for (const request of this.pending.all()) this.fail(request, error);
  }

  /** The server reports this once and sends no reply: otherwise the request would wait for its whole timeout. */
  private deny({ operation, subject }: PermissionViolationError): void {
    if (operation !== 'publish' || this.pending.size === 0) return;
    for (const request of this.pending.all()) {
      if (request.sent && request.subject === subject) {
        this.fail(request, new PermissionDeniedError(this.connection.name, 'publish', subject));
      }
    }
  }

  private resume(): void {
    this.connected = true;
    for (const request of this.pending.all()) {
      if (!request.sent) this.transmit(request);
      else if (request.idempotent) this.repeat(request);
    }
  }

  private repeat(request: PendingRequest): void {
    const { onRepeat, subject } = request;
    if (onRepeat) this.calls.call(`onRepeat of a request to "${printable(subject)}"`, onRepeat);
    this.transmit(request);
  }

  /** Sends a request without a reply again, with growing pauses. */
  private repeatSilent(request: PendingRequest, now: number): void {
    request.repeatAt = now + request.repeatWait;
    request.repeatWait *= 2;
    if (this.connected && request.sent && this.pending.size <= MOST_REPEATED) this.repeat(request);
  }

  private end(cause: unknown): void {
    if (this.closed) return;
    this.closed = true;
    clearInterval(this.timer);
    const error = this.closedError(cause);
    for (const request of this.pending.all()) this.fail(request, error);
  }

  private closedError(cause: unknown): ConnectionClosedError {
    return new ConnectionClosedError(this.connection.name, cause === undefined ? undefined : { cause });
  }

  /** Adds a request that ends when a signal is aborted. @throws {@link InvalidArgumentError} */
  private addUntil(
    signal: AbortSignal,
    subject: string,
    data: Uint8Array | string,
    options: RequestOptions,
    onReply: ReplyHandler,
  ): PendingRequest {
    let abort: (reason: unknown) => void = () => undefined;
    // Registered before the request: a signal that cannot be listened to leaves nothing behind.
    const callOff = onAbort(signal, (reason) => abort(reason));
    const replied = (...outcome: Outcome): unknown => {
      callOff();
      return onReply(...outcome);
    };
    const request = this.add(subject, data, options, replied, false);
    abort = (reason) => this.fail(request, reasonError(reason));
    return request;
  }

  private startTimer(): void {
    this.timer = setInterval(() => this.tick(), TICK);
    // The connection keeps the process alive while that is needed.
    this.timer.unref();
  }

  private tick(): void {
    if (this.pending.size === 0) {
      clearInterval(this.timer);
      this.timer = undefined;
      this.earliest = Infinity;
    } else if (performance.now() >= this.earliest) {
      // If the process was blocked, unread replies may be in the socket: they are read before `setImmediate` runs.
      setImmediate(() => this.expire());
    }
  }

  private expire(): void {
    const now = performance.now();
    const waiting = this.pending.all();
    this.earliest = Infinity;
    for (const request of waiting) {
      if (request.deadline > now) {
        if (request.repeatAt <= now) this.repeatSilent(request, now);
        this.earliest = Math.min(this.earliest, request.deadline, request.repeatAt);
      } else {
        this.fail(request, new RequestTimeoutError(request.subject, request.timeout, request.sent));
      }
    }
  }
}

/**
 * Whether the server reports that there are no responders. A stored message may also have a status in its headers, and
 * a direct get returns them; in that case the server has added the sequence.
 */
function isNoResponders(headers: MsgHdrs | undefined): boolean {
  return headers?.code === 503 && !headers.has('Nats-Sequence');
}

function nameOf(subject: string): string {
  return `The reply handler of a request to "${printable(subject)}"`;
}

/** Why a request with this signal is rejected: it is aborted, or not a signal. */
function signalRefusal(signal: AbortSignal): Error | undefined {
  try {
    checkSignal(signal);
    return abortError(signal);
  } catch (error) {
    return toError(error);
  }
}
