import { Logger } from '@nestjs/common';
import type { JetStreamEvent } from '../../consuming/index.js';
import { errorStack, errorText, heldBackText, printable, ReportLimiter } from '../../reporting/index.js';
import { isObject } from '../../validation/index.js';
import type { BoardAction } from './access.js';
import type { BoardEvents } from './board-events.js';

/** The longest value of a target in the log, in characters. */
const LONGEST = 100;

/** An action of a caller. */
export interface AuditedAction {
  readonly action: BoardAction;
  /** The connection that it concerns. */
  readonly connection: string;
  /** The input that the caller sent. */
  readonly input: unknown;
  /** The name of the caller. */
  readonly by: string | undefined;
}

type Ended = Extract<JetStreamEvent, { readonly type: 'board-action' }>;

/**
 * Logs each action on one line, and reports it as an event. Refused actions have no limit, so only one of each kind is
 * reported in a minute, with the number of the others.
 */
export class Audit {
  private readonly logger = new Logger('JetStreamBoard');
  private readonly refusals = new ReportLimiter();

  constructor(private readonly events: BoardEvents) {}

  done(action: AuditedAction): void {
    this.report(action, 'done');
  }

  failed(action: AuditedAction, error: unknown): void {
    this.report(action, 'failed', errorText(error));
  }

  refused(given: AuditedAction, reason: string): void {
    const { action, by = '' } = given;
    // Without the target, which callers choose.
    const heldBack = this.refusals.admit(JSON.stringify([action, by, reason]));
    if (heldBack !== undefined) this.report(given, 'refused', `${reason}${heldBackText(heldBack)}`);
  }

  /** A failure whose text callers do not get. */
  broken(what: string, error: unknown): void {
    const text = `${what} failed: ${errorText(error)}`;
    const heldBack = this.refusals.admit(text);
    if (heldBack !== undefined) this.logger.error(`${text}${heldBackText(heldBack)}`, errorStack(error));
  }

  private report(
    { action, connection, input, by }: AuditedAction,
    outcome: Ended['outcome'],
    reason?: string,
  ): void {
    const target = targetOf(input);
    const caller = by === undefined ? 'a caller' : `"${by}"`;
    const about = target === '' ? '' : ` (${target})`;
    this.logger.log(
      `Board: ${action}${about} by ${caller}: ${outcome}${reason === undefined ? '' : `: ${reason}`}`,
    );
    this.events.report({
      type: 'board-action',
      connection,
      time: new Date(),
      action,
      target,
      by,
      outcome,
      reason,
    });
  }
}

/** The members of inputs that name something. Payloads, headers and texts of searches are not logged. */
const NAMING = [
  'connection',
  'service',
  'handler',
  'id',
  'stream',
  'consumer',
  'bucket',
  'key',
  'revision',
  'sequence',
  'name',
  'subject',
  'reason',
  'since',
  'until',
  'to',
  'rate',
];

/** The target of an action on one line, such as `stream=ORDERS, consumer=billing`. */
function targetOf(input: unknown): string {
  if (!isObject(input)) return '';
  const { selection } = input;
  const members = isObject(selection) ? { ...input, ...selection } : input;
  return NAMING.flatMap((name) => {
    const value = Object.hasOwn(members, name) ? members[name] : undefined;
    if (typeof value !== 'string' && typeof value !== 'number') return [];
    return [`${name}=${printable(String(value).slice(0, LONGEST))}`];
  }).join(', ');
}
