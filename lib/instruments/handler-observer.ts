import { propertyOf } from '../reporting/index.js';
import type { UserCalls } from '../user-code/index.js';
import { callInside } from './call-inside.js';
import type { HandlerInstrument, ObservedDelivery } from './instrument.js';
import type { Ending } from './outcome.js';

/** Passes the deliveries of one handler to its instruments. No method throws, except what the handler throws. */
export class HandlerObserver {
  private readonly running: readonly HandlerInstrument[];

  constructor(
    private readonly handler: string,
    private readonly instruments: readonly HandlerInstrument[],
    private readonly calls: UserCalls,
  ) {
    this.running = instruments.filter((each) => propertyOf(each, 'run') !== undefined);
  }

  /** Called before the handler. */
  started(delivery: ObservedDelivery): void {
    for (const instrument of this.instruments) {
      try {
        this.observe('started', instrument.started?.(delivery));
      } catch (error) {
        this.calls.failed(this.nameOf('started'), error);
      }
    }
  }

  /** Called when a delivery is settled. */
  ended(delivery: ObservedDelivery, ending: Ending): void {
    for (const instrument of this.instruments) {
      try {
        this.observe('ended', instrument.ended?.(delivery, ending));
      } catch (error) {
        this.calls.failed(this.nameOf('ended'), error);
      }
    }
  }

  /** Wraps a function that calls the handler; it is returned as it is if no instrument wraps calls. */
  around<Input, Result>(
    call: (input: Input) => Result,
    deliveriesOf: (input: Input) => readonly ObservedDelivery[],
  ): (input: Input) => Result {
    if (this.running.length === 0) return call;
    return (input) => this.call(deliveriesOf(input), () => call(input));
  }

  /** Calls the handler once, with all instruments that wrap calls around it. */
  call<Result>(deliveries: readonly ObservedDelivery[], handle: () => Result): Result {
    return callInside(
      this.running,
      (instrument, next) => this.observe('run', instrument.run?.(deliveries, next)),
      (error) => this.calls.failed(this.nameOf('run'), error),
      handle,
    );
  }

  /** A method may be asynchronous although its result is not awaited. */
  private observe(method: string, result: unknown): void {
    if (result !== undefined) this.calls.observe(this.nameOf(method), result);
  }

  private nameOf(method: string): string {
    return `The instrument of ${this.handler} (${method})`;
  }
}
