import type { Boot, JetStreamConnection } from '../../connection/index.js';
import {
  InvalidApiResponseError,
  isTransient,
  JetStreamApiError,
  JetStreamNotEnabledError,
  NoRespondersError,
  toApiError,
  type ApiErrorBody,
  type ApiErrorContext,
} from '../../errors/index.js';
import type { Requests } from '../../requests/index.js';
import { Deadline, retry, untilAborted } from '../../timing/index.js';
import { abortError } from '../../user-code/index.js';
import { checkText, optionsCheck } from '../../validation/index.js';
import { CALL_OPTIONS, type CallOptions } from './call-options.js';

// Operations that may be repeated after a reconnect because a second request changes nothing.
const IDEMPOTENT =
  /^(INFO$|STREAM\.(INFO|LIST|NAMES|CREATE|UPDATE|MSG\.GET)|CONSUMER\.(INFO|LIST|NAMES|CREATE))/;

/** The code of "no suitable peers for placement". It is temporary while a cluster starts; otherwise it is permanent. */
const NO_SUITABLE_PEERS = 10_005;

/** The backoff for operations that are safe to repeat, in milliseconds. */
const REPETITION = {
  first: 50,
  longest: 1_000,
  retryable: (error: unknown): boolean =>
    isTransient(error) && !(error instanceof JetStreamApiError && error.code === NO_SUITABLE_PEERS),
};

/** Options of one API call. The names are used in error messages. */
export interface ApiCallOptions extends ApiErrorContext, CallOptions {}

const checkOptions = optionsCheck<ApiCallOptions>('an API call', {
  ...CALL_OPTIONS,
  consumer: true,
  message: true,
  stream: true,
});

/** JetStream API requests and their errors: JSON both ways, under the connection's API prefix. */
export class JetStreamApi {
  /** @internal Created by `JetStreamService`. */
  constructor(
    /** @internal */
    readonly connection: JetStreamConnection,
    /** @internal */
    readonly requests: Requests,
    /** The startup that the requests belong to until it is complete. Default: the startup of the application. */
    private readonly ownBoot?: Boot,
  ) {}

  /**
   * Calls one operation, such as `STREAM.INFO.ORDERS`, with an optional JSON body. An operation that is safe to repeat
   * is retried after a temporary failure, such as a leader election: until its timeout, or until `bootTimeout` while
   * the application starts, unless a timeout is given.
   *
   * @throws the reason of `signal` when it is aborted
   * @throws {@link RequestTimeoutError} if there is no response in time
   * @throws {@link JetStreamApiError} or the subclass of its code if the server refuses the request
   * @throws {@link JetStreamNotEnabledError} if there are no responders under the API prefix
   * @throws {@link InvalidApiResponseError} if the response is not JSON
   * @throws {@link BootTimeoutError} while the application starts, if it still fails after `bootTimeout`
   */
  async call<R extends object>(operation: string, body?: unknown, options: ApiCallOptions = {}): Promise<R> {
    checkText('operation', operation);
    checkOptions(options);
    const called = this.patiently<R>(operation, body, options);
    return options.signal === undefined ? called : untilAborted(options.signal, called);
  }

  private async patiently<R extends object>(
    operation: string,
    body: unknown,
    options: ApiCallOptions,
  ): Promise<R> {
    if (!IDEMPOTENT.test(operation)) return this.attempt(operation, body, options);
    const { boot } = this;
    const { timeout } = this.connection;
    if (boot !== undefined && options.timeout === undefined) {
      return boot.request(operation, (left) =>
        this.attempt(operation, body, { ...options, timeout: Math.min(timeout, left) }),
      );
    }
    const deadline = new Deadline(options.timeout ?? timeout);
    return retry(() => this.attempt<R>(operation, body, { ...options, timeout: Math.ceil(deadline.left) }), {
      ...REPETITION,
      // An aborted call sends nothing more, regardless of the reason.
      retryable: (error) => abortError(options.signal) === undefined && REPETITION.retryable(error),
      deadline,
    });
  }

  /**
   * @internal Waits until the server has received everything that was sent before, in particular subscriptions. While
   * the application starts, this is retried until `bootTimeout`.
   *
   * @param step the name of the step, for errors
   * @throws {@link RequestTimeoutError}, {@link ConnectionClosedError}, {@link BootTimeoutError}
   */
  async flush(step: string): Promise<void> {
    const { boot, connection } = this;
    if (boot === undefined) return connection.flush();
    return boot.request(step, (left) => connection.flush(Math.min(connection.timeout, left)));
  }

  /**
   * Repeats a paged operation until all items are received.
   *
   * @param items returns the items of one page
   * @param options apply to each page
   * @throws the errors of {@link call}
   */
  async *pages<R extends { readonly total?: number | undefined }, T>(
    operation: string,
    body: object,
    items: (page: R) => readonly T[] | null | undefined,
    options: ApiCallOptions = {},
  ): AsyncGenerator<T, void, undefined> {
    for (let offset = 0, total = 1; offset < total;) {
      const page = await this.call<R>(operation, { ...body, offset }, options);
      const found = items(page) ?? [];
      if (found.length === 0) return;
      offset += found.length;
      total = page.total ?? 0;
      yield* found;
    }
  }

  /** The startup in progress. */
  private get boot(): Boot | undefined {
    return [this.ownBoot, this.connection.boot].find((boot) => boot?.isOver === false);
  }

  private async attempt<R extends object>(
    operation: string,
    body: unknown,
    options: ApiCallOptions,
  ): Promise<R> {
    const response = await this.exchange<R>(operation, body, options);
    if (response.error) throw toApiError(response.error, this.connection.apiPrefix, options);
    return response;
  }

  private async exchange<R>(
    operation: string,
    body: unknown,
    { timeout, signal }: ApiCallOptions,
  ): Promise<R & { readonly error?: ApiErrorBody }> {
    const { apiPrefix } = this.connection;
    const data = body === undefined ? '' : JSON.stringify(body);
    const reply = await this.requests
      .request(`${apiPrefix}.${operation}`, data, { timeout, signal, idempotent: IDEMPOTENT.test(operation) })
      .catch((error: unknown) => {
        if (!(error instanceof NoRespondersError)) throw error;
        throw new JetStreamNotEnabledError(apiPrefix, undefined, { cause: error });
      });
    try {
      return reply.json<R & { readonly error?: ApiErrorBody }>();
    } catch (cause) {
      throw new InvalidApiResponseError(operation, 'it is not JSON', { cause });
    }
  }
}
