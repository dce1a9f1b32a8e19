import type { Logger } from '@nestjs/common';
import { errorText } from '../../reporting/index.js';

/** Calls back into the application: what it throws, or its promise rejects with, is logged. */
export function callUser(logger: Logger, name: string, call: () => unknown): void {
  const report = (error: unknown): void => logger.error(`${name} failed: ${errorText(error)}`);
  try {
    const result = call();
    if (result !== undefined) Promise.resolve(result).catch(report);
  } catch (error) {
    report(error);
  }
}
