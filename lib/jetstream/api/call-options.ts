import { Deadline, untilAborted } from '../../timing/index.js';
import { throwIfAborted } from '../../user-code/index.js';
import { type AllOptionsOf, optionsCheck, positiveTimeLimit } from '../../validation/index.js';

/**
 * How long a call waits for the server, and what ends the wait: every method that sends requests has these options,
 * like the `context.Context` of the Go client.
 */
export interface CallOptions {
  /**
   * How long to wait for the whole call, in milliseconds: any positive number, or `Infinity`. Sequences, such as lists,
   * wait this long for each page. Default: each request of the call waits for the connection's `jetstream.timeout`.
   */
  readonly timeout?: number | undefined;
  /**
   * Ends the wait: the call rejects with the signal's reason immediately. If the call changes something, it is unknown
   * whether the server has made the change. If the signal is already aborted, nothing is sent.
   */
  readonly signal?: AbortSignal | undefined;
}

/** The options of {@link CallOptions}. */
export const CALL_OPTIONS = {
  signal: true,
  timeout: positiveTimeLimit,
} satisfies AllOptionsOf<CallOptions>;

const checkCallOptions = optionsCheck<CallOptions>('a call', CALL_OPTIONS);

/** Checks the options of a call, and copies them. @throws {@link InvalidArgumentError} */
export function waitOf(options: CallOptions): CallOptions {
  const { timeout, signal } = checkCallOptions(options);
  return { timeout, signal };
}

/**
 * Runs a call that may send several requests: they share its timeout, and its signal ends the wait immediately.
 *
 * @param run receives the options of the next request: its `timeout` is what the earlier requests have left
 * @throws {@link InvalidArgumentError}; the reason of the signal; and the errors of `run`
 */
export async function inSteps<R>(
  options: CallOptions,
  run: (options: CallOptions) => Promise<R>,
): Promise<R> {
  const { timeout, signal } = waitOf(options);
  throwIfAborted(signal);
  return untilAborted(signal, run(timeout === undefined ? { signal } : sharing(timeout, signal)));
}

function sharing(timeout: number, signal: AbortSignal | undefined): CallOptions {
  const deadline = new Deadline(timeout);
  return {
    signal,
    get timeout() {
      return Math.max(1, Math.ceil(deadline.left));
    },
  };
}
