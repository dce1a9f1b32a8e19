import type { BaseRpcContext } from '@nestjs/microservices';

/** How a handler's parameters are read from what it handles: a message, a Key-Value entry. */
export interface HandlerSource<Input> {
  /**
   * The decoded payload; a promise of it only where `mayBePending`.
   *
   * @throws {@link InvalidPayloadError} where it cannot be decoded
   */
  payload(input: Input): unknown;
  /** Whether payloads may be promises: a schema may validate asynchronously. */
  readonly mayBePending?: boolean | undefined;
  /** Whether the values of an observable that comes out of a handler are all wanted. Default: the last one, at its end. */
  readonly wantsEveryValue?: boolean | undefined;
  /** What `@Ctx()` gives. */
  context(input: Input): BaseRpcContext;
  /** The subject or key, as Nest's request-scoped providers see it. */
  pattern(input: Input): string;
}
