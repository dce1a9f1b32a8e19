import { IteratorClosedError, NoHeartbeatError } from '../../errors/index.js';
import { toError } from '../../reporting/index.js';
import { Timer } from '../../timing/index.js';
import { abortError, onAbort, rejectionOf } from '../../user-code/index.js';
import { checkMilliseconds, optionsCheck } from '../../validation/index.js';
import type { JetStreamMessage } from '../message/index.js';
import { messageSize } from './pull-loop.js';
import { PULL_OPTIONS, type PullOptions } from './pull-options.js';
import type { OpenLoop, ReceiveLoop, ReceivingFrom } from './receive-loop.js';
import { ErrorReports } from './report.js';
import { Ring } from './ring.js';

/** Options for iterating over messages. Durations in milliseconds, sizes in bytes. */
export type MessagesOptions = PullOptions & {
  /**
   * Whether missed heartbeats reject a pending `next()` with {@link NoHeartbeatError}, and end a `for await` with it.
   * Otherwise they are only reported to `onError`. In either case, the messages are requested again. Default `true`.
   */
  readonly errorOnMissingHeartbeat?: boolean | undefined;
};

/** @throws {@link InvalidArgumentError} */
export const checkMessagesOptions = optionsCheck<MessagesOptions>('messages', {
  ...PULL_OPTIONS,
  errorOnMissingHeartbeat: true,
});

/** How long to wait for a message. */
export interface NextOptions {
  /** In milliseconds. Default: no limit. */
  readonly maxWait?: number | undefined;
  /** Stops waiting: `next` rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

const checkNextOptions = optionsCheck<NextOptions>('next', { maxWait: true, signal: true });

/** A pending call that waits for a message. Exactly one of the methods is called, once. */
interface Waiter {
  deliver(message: JetStreamMessage): void;
  fail(error: Error): void;
  end(): void;
}

/**
 * The messages of a consumer, one after another. It pulls ahead.
 *
 * Iterate with `for await`, or call `next()`, from any number of workers: each message goes to one of them. Leaving a
 * `for await` stops the pulling, and so do `stop`, `drain` and `await using`.
 *
 * @example
 * ```ts
 * const messages = consumer.messages();
 * for await (const message of messages) {
 *   await handle(message);
 *   message.ack();
 * }
 * ```
 */
export class Messages implements AsyncIterable<JetStreamMessage>, AsyncDisposable {
  /** Resolves when no more messages arrive: with the error that ended the iteration, if any. */
  readonly closed: Promise<Error | undefined>;
  private readonly ring = new Ring<JetStreamMessage>();
  private readonly waiters: Waiter[] = [];
  private readonly errors: ErrorReports;
  private readonly loop: ReceiveLoop;
  private readonly countBytes: boolean;
  private readonly stopAfter: number;
  private delivered = 0;
  /**
   * With one message at a time, a message is requested only when `next` is called, because another client may handle
   * it.
   */
  private readonly oneAtATime: boolean;
  private wanted: boolean;
  private ended = false;
  private cause: Error | undefined;
  private causeTold = true;
  private close: (error: Error | undefined) => void = () => {};

  /** @internal Created by consumers. */
  constructor(
    private readonly from: ReceivingFrom,
    private readonly options: MessagesOptions,
    open: OpenLoop,
  ) {
    this.errors = new ErrorReports(options.onError, () => from);
    this.countBytes = options.maxBytes !== undefined;
    this.stopAfter = options.stopAfter ?? Infinity;
    this.oneAtATime = (options.maxMessages ?? options.maxMessagesWithBytesLimit?.messages) === 1;
    this.wanted = !this.oneAtATime;
    this.closed = new Promise((resolve) => (this.close = resolve));
    this.loop = open({
      onMessage: (message) => this.receive(message),
      onError: (error) => this.reportError(error),
      onEnd: (error) => this.end(error),
      window: options.stopAfter === undefined ? undefined : () => this.stopAfter - this.delivered,
      wants: () => this.wanted,
    });
  }

  /**
   * Resolves with the next message. With `maxWait`, resolves with `undefined` if none arrives in time.
   *
   * @throws {@link IteratorClosedError} after `stop`, after the last message of `drain`, and after an error
   * @throws {@link NoHeartbeatError} see `errorOnMissingHeartbeat`; call again to continue
   * @throws {@link ConsumerDeletedError}, {@link ConnectionClosedError} once, if this ended the iteration
   */
  next(options?: {
    readonly maxWait?: undefined;
    readonly signal?: AbortSignal | undefined;
  }): Promise<JetStreamMessage>;
  next(options: NextOptions): Promise<JetStreamMessage | undefined>;
  next(options: NextOptions = {}): Promise<JetStreamMessage | undefined> {
    const refusal = nextRefusal(options);
    if (refusal) return Promise.reject(rejectionOf(refusal));
    const message = this.take();
    if (message !== undefined) return Promise.resolve(message);
    if (this.ended) return Promise.reject(this.untoldCause() ?? this.closedError());
    return new Promise((resolve, reject) => this.wait(options, resolve, reject));
  }

  /** Ends at once. Buffered messages are discarded, and are delivered again after `ackWait`. It never rejects. */
  async stop(): Promise<void> {
    this.ring.clear();
    this.loop.stop();
  }

  /**
   * Requests no more messages; messages that were already sent can still be taken. Resolves when no more messages
   * arrive from the server. It never rejects.
   */
  drain(): Promise<void> {
    return this.loop.drain();
  }

  /** The same as {@link stop}. It never rejects. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Ends when the messages are stopped or drained; leaving the loop stops them. */
  [Symbol.asyncIterator](): AsyncIterator<JetStreamMessage, undefined> {
    return {
      next: () => this.nextResult(),
      return: async () => {
        await this.stop();
        return { done: true, value: undefined };
      },
      throw: async (error: unknown) => {
        await this.stop();
        throw error;
      },
    };
  }

  private nextResult(): Promise<IteratorResult<JetStreamMessage, undefined>> {
    const message = this.take();
    if (message !== undefined) return Promise.resolve({ done: false, value: message });
    if (this.ended) {
      const cause = this.untoldCause();
      return cause ? Promise.reject(cause) : Promise.resolve({ done: true, value: undefined });
    }
    return new Promise((resolve, reject) =>
      this.waiters.push({
        deliver: (value) => resolve({ done: false, value }),
        end: () => resolve({ done: true, value: undefined }),
        fail: (error) => {
          // A `for await` cannot continue after an error, so pulled messages would not be taken any more.
          void this.stop();
          reject(error);
        },
      }),
    );
  }

  private take(): JetStreamMessage | undefined {
    if (this.oneAtATime && !this.wanted) this.want();
    const message = this.ring.shift();
    if (message !== undefined) this.handOver(message);
    return message;
  }

  private want(): void {
    this.wanted = true;
    this.loop.release(0);
  }

  private handOver(message: JetStreamMessage): void {
    this.delivered++;
    this.wanted = !this.oneAtATime || this.waiters.length > 0;
    this.loop.release(1, this.countBytes ? messageSize(message.msg) : 0);
    if (this.delivered >= this.stopAfter) void this.stop();
  }

  private receive(message: JetStreamMessage): void {
    const waiter = this.waiters.shift();
    if (waiter === undefined) return this.ring.push(message);
    this.handOver(message);
    waiter.deliver(message);
  }

  private reportError(error: Error): void {
    const isForWaiters = error instanceof NoHeartbeatError && this.options.errorOnMissingHeartbeat !== false;
    if (!isForWaiters || this.options.onError) this.errors.report(error);
    if (isForWaiters) for (const waiter of this.waiters.splice(0)) waiter.fail(error);
  }

  private end(error: Error | undefined): void {
    this.ended = true;
    this.cause = error;
    this.causeTold = error === undefined;
    if (error && this.options.onError) this.errors.report(error);
    for (const waiter of this.waiters.splice(0)) {
      if (!error) waiter.end();
      else waiter.fail(error);
      this.causeTold = true;
    }
    this.close(error);
  }

  private wait(
    { maxWait, signal }: NextOptions,
    resolve: (message: JetStreamMessage | undefined) => void,
    reject: (error: unknown) => void,
  ): void {
    const settle = (outcome: () => void) => {
      timer?.cancel();
      callOff?.();
      const index = this.waiters.indexOf(waiter);
      if (index !== -1) this.waiters.splice(index, 1);
      outcome();
    };
    // Registered first: a signal that cannot be listened to rejects before the call waits.
    const callOff = signal && onAbort(signal, (reason) => settle(() => reject(reason)));
    const waiter: Waiter = {
      deliver: (message) => settle(() => resolve(message)),
      fail: (error) => settle(() => reject(error)),
      end: () => settle(() => reject(this.closedError())),
    };
    const timer =
      maxWait === undefined ? undefined : new Timer(maxWait, () => settle(() => resolve(undefined)));
    this.waiters.push(waiter);
  }

  private untoldCause(): Error | undefined {
    if (this.causeTold) return undefined;
    this.causeTold = true;
    return this.cause;
  }

  private closedError(): IteratorClosedError {
    return new IteratorClosedError(this.from.stream, this.from.consumer, { cause: this.cause });
  }
}

/** Why a call of `next` is invalid; `undefined` if it is valid. */
function nextRefusal(options: NextOptions): Error | undefined {
  try {
    checkNextOptions(options);
    if (options.maxWait !== undefined) checkMilliseconds('maxWait', options.maxWait, {});
  } catch (thrown) {
    return toError(thrown);
  }
  return abortError(options.signal);
}
