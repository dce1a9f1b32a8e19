import type { BaseRpcContext, Transport } from '@nestjs/microservices';
import { pendingThenable } from '../../user-code/index.js';

/** Nest's hook before a message is handled: it calls `done` inside its own context. */
export type ProcessingStartHook = (
  transportId: Transport | symbol,
  context: BaseRpcContext,
  done: () => Promise<unknown>,
) => void;

/** Nest's hook after a message was handled. */
export type ProcessingEndHook = (transportId: Transport | symbol, context: BaseRpcContext) => void;

/** The hooks of one server, if instrumentation has set any. */
export interface ProcessingHooks {
  readonly transportId: Transport | symbol;
  /** Returns a promise if the hook is asynchronous. */
  readonly start: (...args: Parameters<ProcessingStartHook>) => unknown;
  /** It never throws. */
  readonly end: ProcessingEndHook;
  /** Reports that the start hook failed after it had called back, which does not affect the outcome. */
  readonly onLateFailure: (context: BaseRpcContext, error: unknown) => void;
}

/**
 * Runs a function inside a hook, which calls it when its own preparation is complete; further calls have no effect.
 *
 * @returns a promise of the function's outcome, or of the hook's error before it called the function; it stays pending
 * if the hook never calls it
 */
export function runInHooks<T>(
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
