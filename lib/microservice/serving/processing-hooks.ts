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
 * Has a hook call something once its preparation is done; a hook that calls it again has no effect.
 *
 * @returns what was called resolves or rejects with; it stays pending if the hook never calls
 */
export function within<T>(
  hooks: ProcessingHooks,
  context: BaseRpcContext,
  run: () => PromiseLike<T> | T,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let begun = false;
    const done = async (): Promise<void> => {
      if (begun) return;
      begun = true;
      try {
        resolve(await run());
      } catch (error) {
        reject(error);
      }
    };
    hooks.start(hooks.transportId, context, done);
  });
}
