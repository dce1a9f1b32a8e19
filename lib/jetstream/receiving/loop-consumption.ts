import { InvalidArgumentError } from '../../errors/index.js';
import { printable, toError } from '../../reporting/index.js';
import type { JetStreamMessage } from '../message/index.js';
import type { Consumption, ConsumeCallback } from './consumption.js';
import { InOrder } from './in-order.js';
import { messageSize } from './pull-loop.js';
import type { PullOptions } from './pull-options.js';
import type { OpenLoop, ReceiveLoop, ReceivingFrom } from './receive-loop.js';
import { ErrorReports } from './report.js';

/** Passes the messages of a loop to a handler, one at a time and in order. */
export class LoopConsumption implements Consumption {
  readonly closed: Promise<Error | undefined>;
  private readonly inOrder: InOrder<JetStreamMessage>;
  private readonly loop: ReceiveLoop;
  private readonly countBytes: boolean;
  private readonly stopAfter: number;
  private handled = 0;
  private stopped = false;
  private ended = false;
  private cause: Error | undefined;
  private close: (error: Error | undefined) => void = () => {};

  /** @throws {@link InvalidArgumentError} if the handler is not a function */
  constructor(handler: ConsumeCallback, options: PullOptions, from: () => ReceivingFrom, open: OpenLoop) {
    if (typeof handler !== 'function') {
      throw new InvalidArgumentError(
        'handler',
        `${describe(handler)} is not a function. Pass a function that takes a message.`,
      );
    }
    const errors = new ErrorReports(options.onError, from);
    this.countBytes = options.maxBytes !== undefined;
    this.stopAfter = options.stopAfter ?? Infinity;
    this.closed = new Promise((resolve) => (this.close = resolve));
    this.inOrder = new InOrder(handler, {
      onHandled: (message) => this.finish(message),
      onThrown: (thrown, message) => errors.report(toError(thrown), () => failedMessage(message)),
    });
    this.loop = open({
      onMessage: (message) => {
        if (!this.stopped) this.inOrder.add(message);
      },
      onError: (error) => errors.report(error),
      onEnd: (error) => {
        this.ended = true;
        this.cause = error;
        if (error) errors.report(error);
        this.closeIfDone();
      },
      window: options.stopAfter === undefined ? undefined : () => this.stopAfter - this.handled,
    });
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.inOrder.clear();
    this.loop.stop();
    this.closeIfDone();
  }

  async drain(): Promise<void> {
    await this.loop.drain();
    await this.closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.drain();
  }

  private finish(message: JetStreamMessage): void {
    this.handled++;
    this.loop.release(1, this.countBytes ? messageSize(message.msg) : 0);
    if (this.handled >= this.stopAfter) void this.stop();
    // The loop may have ended while this message was handled, for example by `stop` in the handler.
    if (this.ended) this.closeIfDone();
  }

  private closeIfDone(): void {
    if (this.ended && this.inOrder.isIdle) this.close(this.cause);
  }
}

/** Describes the message for which the callback failed, for the log. */
function failedMessage({ subject, metadata }: JetStreamMessage): string {
  const { stream, consumer, streamSequence } = metadata;
  return (
    `The consume callback failed for the message on "${printable(subject)}" (stream "${stream}", consumer "${consumer}", ` +
    `sequence ${streamSequence})`
  );
}

function describe(value: unknown): string {
  return value === null ? 'null' : typeof value;
}
