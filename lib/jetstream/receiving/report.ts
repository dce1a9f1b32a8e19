import { Logger } from '@nestjs/common';

const logger = new Logger('Consumer');

/** Tells the owner of a consumer what went wrong; the log, where it does not listen. Never throws. */
export function report(onError: ((error: Error) => void) | undefined, error: Error): void {
  if (!onError) return logger.warn(error.message);
  try {
    onError(error);
  } catch (thrown) {
    logger.error(`onError threw: ${toError(thrown).message}`, toError(thrown).stack);
  }
}

/** What was thrown, as an error. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
