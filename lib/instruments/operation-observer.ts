import type { Expected } from '../user-code/index.js';
import { isObject } from '../validation/index.js';
import { callInside } from './call-inside.js';
import type { JetStreamInstruments } from './instruments.js';
import type {
  CallResult,
  ObservedCall,
  ObservedMessage,
  ObservedOperation,
  OperationInstrument,
} from './instrument.js';

const HEADERS: Expected<Readonly<Record<string, string>>> = {
  is: (value): value is Readonly<Record<string, string>> =>
    isObject(value) && Object.values(value).every((each) => typeof each === 'string'),
  what: 'an object whose values are strings, or undefined',
};

/** Passes the operations of one kind to the instruments of the application. */
export class OperationObserver {
  private asked = -1;
  private interested: readonly OperationInstrument[] = [];

  constructor(
    private readonly instruments: JetStreamInstruments,
    private readonly operation: ObservedOperation,
  ) {}

  /** Whether an instrument is interested. */
  get isActive(): boolean {
    if (this.asked !== this.instruments.revision) {
      this.asked = this.instruments.revision;
      this.interested = this.instruments.operation(this.operation);
    }
    return this.interested.length > 0;
  }

  /** Begins an operation; `undefined` if no instrument is interested. Never throws. */
  begin(call: ObservedCall): RunningOperation | undefined {
    return this.isActive
      ? new RunningOperation(this.instruments, this.operation, this.interested, call)
      : undefined;
  }

  /**
   * Observes an operation that is a promise.
   *
   * @param act receives the operation, which adds the headers of instruments to its messages
   * @param resultOf the part of the result that instruments receive
   */
  around<T>(
    call: ObservedCall,
    act: (operation: RunningOperation | undefined) => Promise<T>,
    resultOf?: ResultOf<T>,
  ): Promise<T> {
    const running = this.begin(call);
    return running === undefined ? act(undefined) : follow(running, act, resultOf);
  }
}

/** The part of the result of an operation that instruments receive. */
type ResultOf<T> = (result: T) => Pick<Partial<CallResult>, 'duplicate' | 'sequence' | 'size' | 'stream'>;

async function follow<T>(
  running: RunningOperation,
  act: (operation: RunningOperation) => Promise<T>,
  resultOf?: ResultOf<T>,
): Promise<T> {
  let result: T;
  try {
    result = await running.run(() => act(running));
  } catch (error) {
    running.fail(error);
    throw error;
  }
  running.end(resultOf?.(result));
  return result;
}

/** One operation, which ends once. No method throws. */
export class RunningOperation {
  /** The size of the payload in bytes, once it is known. */
  size: number | undefined;
  private readonly startedAt = performance.now();
  private ended = false;

  constructor(
    private readonly instruments: JetStreamInstruments,
    private readonly operation: ObservedOperation,
    private readonly interested: readonly OperationInstrument[],
    private readonly call: ObservedCall,
  ) {
    for (const instrument of interested) this.guard('started', () => instrument.started?.(call));
  }

  /** Calls a function inside the instruments that wrap operations. Throws only what the function throws. */
  run<Result>(act: () => Result): Result {
    return callInside(
      this.interested,
      (instrument, next) =>
        this.instruments.calls.observe(this.nameOf('run'), instrument.run?.(this.call, next)),
      (error) => this.instruments.calls.failed(this.nameOf('run'), error),
      act,
    );
  }

  /** The headers that instruments add to a message; `undefined` if there are none. */
  headersFor(message: ObservedMessage): Readonly<Record<string, string>> | undefined {
    let headers: Readonly<Record<string, string>> | undefined;
    for (const instrument of this.interested) {
      const ask = (): unknown => instrument.headers?.(this.call, message);
      const added = this.instruments.calls.answer(this.nameOf('headers'), ask, HEADERS);
      if (added !== undefined) headers = { ...headers, ...added };
    }
    return headers;
  }

  /** Logs that a header of an instrument cannot be sent. */
  refused(error: unknown): void {
    this.instruments.calls.failed(this.nameOf('headers'), error);
  }

  fail(error: unknown): void {
    this.end({ error });
  }

  end(result: Omit<Partial<CallResult>, 'duration'> = {}): void {
    if (this.ended) return;
    this.ended = true;
    const whole: CallResult = {
      count: 1,
      size: this.size,
      ...result,
      duration: performance.now() - this.startedAt,
    };
    for (const instrument of this.interested) this.guard('ended', () => instrument.ended?.(this.call, whole));
  }

  private guard(method: string, act: () => unknown): void {
    this.instruments.calls.call(this.nameOf(method), act);
  }

  private nameOf(method: string): string {
    return `The instrument of ${this.operation.kind} operations (${method})`;
  }
}
