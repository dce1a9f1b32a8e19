import type { TestFlow } from './flow.js';

/** A delivery, or an operation, for which a test kit was still waiting. */
export interface PendingWork {
  /** The class and method; `undefined` for an operation, such as a publish. */
  readonly handler?: string | undefined;
  /** The subject, key or object name. */
  readonly subject: string;
  /**
   * `publishing`: an operation has not ended. `expected`: not delivered. `running`: the handler has not ended. `retrying`:
   * the handler failed, and the message is delivered again.
   */
  readonly state: 'publishing' | 'expected' | 'running' | 'retrying';
  /** The number of the last delivery; 0 if there was none. */
  readonly deliveryCount: number;
  /** The error of the last delivery. */
  readonly lastError?: unknown;
  /** When the message is delivered again. */
  readonly nextAttempt?: Date | undefined;
}

/**
 * A wait of a `JetStreamTestKit` took longer than its timeout. The message names each pending delivery, its handler, its last
 * error and when it is delivered again.
 *
 * @remarks Read the list in the message: a handler that hangs, fails, is paused, or has not received its message.
 */
export class TestKitTimeoutError extends Error {
  override readonly name = 'TestKitTimeoutError';

  constructor(
    message: string,
    /** The work that was still pending. */
    readonly pending: readonly PendingWork[],
    /** The flow so far; `undefined` if the wait did not belong to one flow. */
    readonly flow?: TestFlow | undefined,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/**
 * An expectation of a `JetStreamTestKit` was not met: a delivery that was not expected. The message lists what was handled.
 *
 * @remarks Compare the list in the message with what the test expects.
 */
export class TestKitAssertionError extends Error {
  override readonly name = 'TestKitAssertionError';
}

/**
 * A handler threw a value that is not an error, or an error that cannot be extended. The value is the `cause`.
 *
 * @remarks Throw an instance of `Error` from the handler.
 */
export class TestKitHandlerError extends Error {
  override readonly name = 'TestKitHandlerError';

  constructor(
    message: string,
    /** The flow when it was settled. */
    readonly flow: TestFlow,
    options: ErrorOptions,
  ) {
    super(message, options);
  }
}
