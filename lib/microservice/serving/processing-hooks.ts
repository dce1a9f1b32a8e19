import type { BaseRpcContext, Transport } from '@nestjs/microservices';
import { pendingThenable } from '../../user-code/index.js';

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
  /** What it returns is a promise if it is asynchronous. */
  readonly start: (...args: Parameters<ProcessingStartHook>) => unknown;
  /** It never throws. */
  readonly end: ProcessingEndHook;
  /** Reports that the start hook failed after it had called back, which has no part in the outcome. */
  readonly onLateFailure: (context: BaseRpcContext, error: unknown) => void;
}

/**
 * Has a hook call something once its preparation is done; a hook that calls it again has no effect.
 *
 * @returns what was called resolves or rejects with, or what the hook failed with before it called; it stays pending if the
 * hook never calls
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
    const failed = (error: unknown): void => {
      if (begun) hooks.onLateFailure(context, error);
      else reject(error);
    };
    try {
      pendingThenable(hooks.start(hooks.transportId, context, done))?.catch(failed);
    } catch (error) {
      failed(error);
    }
  });
}
