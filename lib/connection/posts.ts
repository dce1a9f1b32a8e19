import { Logger } from '@nestjs/common';
import type { MsgHdrs } from '@nats-io/transport-node';
import { ConnectionClosedError } from '../errors/index.js';
import { errorText, heldBackText, printable, ReportLimiter } from '../reporting/index.js';

/** Options of `JetStreamConnection.post`. */
export interface PostOptions {
  /** What is sent, for the log if sending fails; for example `the acknowledgement of a message`. */
  readonly purpose: string;
  /** The reply subject of the message. */
  readonly reply?: string | undefined;
  readonly headers?: MsgHdrs | undefined;
}

/**
 * Reports messages that could not be sent and that no caller awaits: a closed connection once, any other failure once a
 * minute for each kind and purpose.
 */
export class UnsentPosts {
  private readonly logger = new Logger('NatsConnection');
  private readonly limiter = new ReportLimiter();
  private closedReported = false;

  constructor(private readonly connection: string) {}

  report(error: Error, subject: string, purpose: string): void {
    if (error instanceof ConnectionClosedError) return this.reportClosed(subject, purpose);
    const heldBack = this.limiter.admit(`${error.name} ${purpose}`);
    if (heldBack === undefined) return;
    this.logger.error(
      `Connection "${this.connection}": ${purpose} to "${printable(subject)}" was not sent: ` +
        `${errorText(error)}${heldBackText(heldBack)}`,
    );
  }

  /** A closed connection does not open again, so one log line covers all later messages. */
  private reportClosed(subject: string, purpose: string): void {
    if (this.closedReported) return;
    this.closedReported = true;
    this.logger.warn(
      `Connection "${this.connection}" is closed: ${purpose} to "${printable(subject)}" was not sent. ` +
        'Messages that were not acknowledged are delivered again; later unsent messages of this connection are not logged.',
    );
  }
}
