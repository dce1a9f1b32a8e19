import { Logger } from '@nestjs/common';
import { heldBackText, printable, ReportLimiter } from '../../reporting/index.js';
import type { TryItAction } from './actions.js';

/** An action of a caller, for the log. */
export interface AuditedAction {
  readonly action: TryItAction;
  /** The key of the channel; `undefined` if there is no such channel. */
  readonly channel: string | undefined;
  /** The subject, or what the caller has sent in place of a channel. */
  readonly about: string;
  /** The name of the caller, if the option access has returned it. */
  readonly user: string | undefined;
}

/**
 * Logs each action that was carried out: their number is limited by `maxPerMinute`. Refused actions have no such limit, so
 * only one of each kind is logged in a minute, with the number of the others.
 */
export class AuditLog {
  private readonly logger = new Logger('JetStreamAsyncApi');
  private readonly refusals = new ReportLimiter();

  ended(action: AuditedAction, outcome: string): void {
    this.logger.log(`${textOf(action)}: ${outcome}`);
  }

  refused(given: AuditedAction, reason: string): void {
    const { action, channel = '', user = '' } = given;
    // Without the subject, which callers choose.
    const heldBack = this.refusals.admit(JSON.stringify([action, channel, user]));
    if (heldBack !== undefined) this.logger.log(`${textOf(given)}: ${reason}${heldBackText(heldBack)}`);
  }

  failed(action: TryItAction, problem: string, stack: string | undefined): void {
    this.logger.error(`The action ${action} failed: ${problem}`, stack);
  }
}

function textOf({ action, about, user }: AuditedAction): string {
  const caller = user === undefined ? 'a caller' : `"${printable(user)}"`;
  return `Page: ${action} on "${printable(about)}" by ${caller}`;
}
