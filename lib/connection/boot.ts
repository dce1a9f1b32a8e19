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

/** How the time between attempts grows, in milliseconds. */
const BACKOFF = { first: 100, longest: 2_000 };
/** How often a step that is still tried again is reported, in milliseconds. */
const REPORT_EVERY = 10_000;
/** No attempt gets less than this, in milliseconds: the last one is to have a chance. */
const SHORTEST_ATTEMPT = 100;

/** The `bootTimeout` if none is given, in milliseconds. */
const DEFAULT_TIMEOUT = 60_000;

/**
 * The startup of an application, or of a server of microservices, on one connection. A cluster that elects its leaders answers late, or refuses for a moment:
 * until the application runs, what fails for such a reason is tried again within one limit in time, `bootTimeout`.
 *
 * The limit counts only the time in which this library is at work, not that of other providers.
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

  /** The milliseconds that are left. */
  get left(): number {
    return this.budget.left;
  }

  /** Whether the application runs, or has failed to start. */
  get isOver(): boolean {
    return this.ended.signal.aborted;
  }

  /** Nothing is tried again any more: the application runs, or has failed to start. */
  end(): void {
    this.ended.abort();
  }

  /**
   * Runs a request that is safe to repeat, again and again while it fails for a reason that passes.
   *
   * @param step what is done, for the error and the log
   * @param attempt is given the time that it may take, in milliseconds
   * @throws {@link BootTimeoutError} if it still fails when the limit has passed; any other error at once
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
              `Connection "${this.connection.name}": ${step} failed and is tried again, first in ${Math.round(wait)} ms, for up to ` +
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
   * @throws {@link BootTimeoutError} if it has not ended when the limit has passed; the step itself goes on unheard
   */
  async step<T>(step: string, run: () => Promise<T>): Promise<T> {
    return this.budget.spend(async () => {
      const result = run();
      // A limit of a moment more: the requests within the step say better what failed.
      if (await new Deadline(this.left + SHORTEST_ATTEMPT).wait(result)) return result;
      throw this.timedOut(step, 'it has not ended');
    });
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
    // A server that has JetStream and finds nobody who answers for it is not yet ready.
    if (error instanceof JetStreamNotEnabledError)
      return error.cause instanceof NoRespondersError && this.connection.nc.info?.jetstream === true;
    return isTransient(error);
  }
}
