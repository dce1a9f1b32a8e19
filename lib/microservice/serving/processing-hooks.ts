import type { BaseRpcContext, Transport } from '@nestjs/microservices';

/** Nest's hook before a message is handled: it calls `done`, inside whatever it opens. */
export type ProcessingStartHook = (
  transportId: Transport | symbol,
  context: BaseRpcContext,
  done: () => Promise<unknown>,
) => void;

/** Nest's hook after a message was handled. */
export type ProcessingEndHook = (transportId: Transport | symbol, context: BaseRpcContext) => void;

/** The hooks of one server, where instrumentation has set some. */
export interface ProcessingHooks {
  readonly transportId: Transport | symbol;
  readonly start: ProcessingStartHook;
  readonly end: ProcessingEndHook;
}

/**
 * Has a hook call something once its preparation is done.
 *
 * @returns what was called resolves or rejects with; it never comes where the hook does not go on
 */
export function within<T>(
  hooks: ProcessingHooks,
  context: BaseRpcContext,
  run: () => PromiseLike<T> | T,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const done = async (): Promise<void> => {
      try {
        resolve(await run());
      } catch (error) {
        reject(error);
      }
    };
    hooks.start(hooks.transportId, context, done);
  });
}
