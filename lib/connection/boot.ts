import { Logger } from '@nestjs/common';
import type { NatsConnection } from '@nats-io/transport-node';
import {
  BootTimeoutError,
  isTransient,
  JetStreamNotEnabledError,
  NoRespondersError,
} from '../errors/index.js';
import { errorText } from '../reporting/index.js';
import { Deadline, retry, TimeBudget } from '../timing/index.js';

/** The backoff between attempts, in milliseconds. */
const BACKOFF = { first: 100, longest: 2_000 };
/** How often a step that is still being retried is reported, in milliseconds. */
const REPORT_EVERY = 10_000;
/** The minimum timeout of an attempt, in milliseconds, so that the last attempt can succeed. */
const SHORTEST_ATTEMPT = 100;

/** The `bootTimeout` if none is given, in milliseconds. */
const DEFAULT_TIMEOUT = 60_000;

/**
 * The startup of an application, or of a server of microservices, on one connection. A cluster that elects its leaders
 * answers late, or refuses requests for a moment. Until the application runs, such failures are retried within one time
 * limit, `bootTimeout`.
 *
 * The limit counts only the time in which this library is working, not that of other providers.
 */
export class Boot {
  private readonly logger = new Logger('NatsConnection');
  private readonly budget: TimeBudget;
  private readonly ended = new AbortController();

  constructor(
    private readonly connection: { readonly name: string; readonly nc: NatsConnection },
    /** In milliseconds. */
    readonly timeout = DEFAULT_TIMEOUT,
  ) {
    this.budget = new TimeBudget(timeout);
  }

  /** The remaining time, in milliseconds. */
  get left(): number {
    return this.budget.left;
  }

  /** Whether the application is running, or has failed to start. */
  get isOver(): boolean {
    return this.ended.signal.aborted;
  }

  /** Ends all retries, because the application is running, or has failed to start. */
  end(): void {
    this.ended.abort();
  }

  /**
   * Runs a request that is safe to repeat, and retries it after temporary failures.
   *
   * @param step the name of the step, for the error and the log
   * @param attempt receives its timeout, in milliseconds
   * @throws {@link BootTimeoutError} if it still fails when the limit has passed; any other error immediately
   */
  async request<T>(step: string, attempt: (timeout: number) => Promise<T>): Promise<T> {
    let reportedAt = -Infinity;
    return this.budget.spend(async () => {
      try {
        return await retry(() => attempt(Math.max(SHORTEST_ATTEMPT, this.left)), {
          ...BACKOFF,
          retryable: (error) => this.mayPass(error),
          deadline: new Deadline(this.left),
          lastAttempt: SHORTEST_ATTEMPT,
          signal: this.ended.signal,
          onRetry: (error, wait) => {
            if (performance.now() - reportedAt < REPORT_EVERY) return;
            reportedAt = performance.now();
            this.logger.warn(
              `Connection "${this.connection.name}": ${step} failed and is retried, first in ${Math.round(wait)} ms, for up to ` +
                `${Math.round(this.left)} ms: ${errorText(error)}`,
            );
          },
        });
      } catch (error) {
        if (this.isOver || !this.mayPass(error)) throw error;
        throw this.timedOut(step, errorText(error), error);
      }
    });
  }

  /**
   * Runs a step of the startup that consists of many requests.
   *
   * @throws {@link BootTimeoutError} if it has not ended when the limit has passed; the step itself continues, and its
   * outcome is ignored
   */
  async step<T>(step: string, run: () => Promise<T>): Promise<T> {
    return this.budget.spend(async () => {
      const result = run();
      // The limit is slightly longer because errors of the requests within the step are more specific.
      if (await new Deadline(this.left + SHORTEST_ATTEMPT).wait(result)) return result;
      throw this.timedOut(step, 'it did not finish');
    });
  }

  /**
   * Waits for something that handlers do, not this library.
   *
   * @param problem returns why it has not ended
   * @throws {@link BootTimeoutError} if it has not ended when the limit has passed; the error of the promise
   */
  async wait(step: string, promise: Promise<unknown>, problem: () => string): Promise<void> {
    if (!(await new Deadline(this.left).wait(promise))) throw this.timedOut(step, problem());
    await promise;
  }

  private timedOut(step: string, problem: string, cause?: unknown): BootTimeoutError {
    return new BootTimeoutError(
      this.connection.name,
      step,
      this.timeout,
      problem,
      cause === undefined ? {} : { cause },
    );
  }

  private mayPass(error: unknown): boolean {
    // A server that has JetStream, but gets no response from it, is not ready yet.
    if (error instanceof JetStreamNotEnabledError)
      return error.cause instanceof NoRespondersError && this.connection.nc.info?.jetstream === true;
    return isTransient(error);
  }
}
