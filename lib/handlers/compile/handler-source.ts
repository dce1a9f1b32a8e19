import type { BaseRpcContext } from '@nestjs/microservices';

/** How a handler's parameters are read from what it handles: a message, a Key-Value entry. */
export interface HandlerSource<Input> {
  /** The decoded payload. @throws {@link InvalidPayloadError} where it cannot be decoded */
  payload(input: Input): unknown;
  /** What `@Ctx()` gives. */
  context(input: Input): BaseRpcContext;
  /** The subject or key, as Nest's request-scoped providers see it. */
  pattern(input: Input): string;
}
