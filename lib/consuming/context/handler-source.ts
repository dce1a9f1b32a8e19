import type { BaseRpcContext } from '@nestjs/microservices';

/** Reads a handler's parameters from its input, for example a message or a Key-Value entry. */
export interface HandlerSource<Input> {
  /**
   * The decoded payload; a promise only if `mayBePending` is set.
   *
   * @throws {@link InvalidPayloadError} if it cannot be decoded
   */
  payload(input: Input): unknown;
  /** Whether payloads may be promises, because a schema may validate asynchronously. */
  readonly mayBePending?: boolean | undefined;
  /**
   * Whether all values of an observable result are needed. Default: only the last value, when the observable completes.
   */
  readonly wantsEveryValue?: boolean | undefined;
  /** The value of `@Ctx()`. */
  context(input: Input): BaseRpcContext;
  /** The subject or key, for Nest's request-scoped providers. */
  pattern(input: Input): string;
}
