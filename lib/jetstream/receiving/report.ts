import { Logger } from '@nestjs/common';
import { errorStack, errorText } from '../../reporting/index.js';

const logger = new Logger('Consumer');

/** Hears of what goes wrong. What it returns is ignored, except that a promise that rejects is logged. */
export type OnError = (error: Error) => unknown;

/**
 * Reports an error to the owner of a consumer, or logs it if the owner does not listen. Never throws: what `onError` throws,
 * or what its promise rejects with, is logged.
 *
 * @param what names what failed, for the log
 */
export function report(onError: OnError | undefined, error: Error, what?: () => string): void {
  if (!onError) return logger.warn(what === undefined ? errorText(error) : `${what()}: ${errorText(error)}`);
  try {
    const result = onError(error);
    if (result instanceof Object) void logRejection(result);
  } catch (thrown) {
    logFailure(thrown);
  }
}

async function logRejection(result: unknown): Promise<void> {
  try {
    await result;
  } catch (thrown) {
    logFailure(thrown);
  }
}

function logFailure(thrown: unknown): void {
  logger.error(`The onError callback of a consumer failed: ${errorText(thrown)}`, errorStack(thrown));
}
