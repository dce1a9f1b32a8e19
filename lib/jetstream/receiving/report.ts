import { Logger } from '@nestjs/common';
import { errorText, printable } from '../../reporting/index.js';
import { UserCalls } from '../../user-code/index.js';
import type { ReceivingFrom } from './receive-loop.js';

const logger = new Logger('Consumer');

/** Receives errors. Its result is ignored, except that a promise that rejects is logged. */
export type OnError = (error: Error) => unknown;

/** Reports the errors of one consumption to its owner. */
export class ErrorReports {
  private readonly calls = new UserCalls(logger);

  constructor(
    private readonly onError: OnError | undefined,
    /** The current source. */
    private readonly from: () => ReceivingFrom,
  ) {}

  /**
   * Reports an error to the owner, or logs it if there is no `onError`. Never throws: errors and rejections of
   * `onError` are logged.
   *
   * @param what describes what failed, for the log
   */
  report(error: Error, what?: () => string): void {
    const { onError } = this;
    if (!onError)
      return logger.warn(what === undefined ? errorText(error) : `${what()}: ${errorText(error)}`);
    const { stream, consumer } = this.from();
    const name = `The onError callback of a consumer (stream "${printable(stream)}", consumer "${printable(consumer)}")`;
    this.calls.call(name, () => onError(error));
  }
}
