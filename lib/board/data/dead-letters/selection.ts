import type { DeadLetterFilter } from '../../../consuming/index.js';
import {
  type AllOptionsOf,
  filledText,
  given,
  oneOf,
  resourceName,
  subjectRule,
} from '../../../validation/index.js';
import type { DeadLetterSelection } from '../../model/index.js';
import { timeText } from '../inputs.js';
import type { Payloads } from '../payloads/index.js';
import { PLAIN_REASONS } from './rows.js';

/** The parameters that select dead letters. With a mask, they do not find reasons that are hidden. */
export function selectionRules({ isMasked }: Pick<Payloads, 'isMasked'>): AllOptionsOf<DeadLetterSelection> {
  return {
    stream: resourceName,
    consumer: resourceName,
    handler: filledText,
    reason: isMasked ? oneOf([...PLAIN_REASONS]) : filledText,
    subject: subjectRule,
    since: timeText,
    until: timeText,
  };
}

/** The filter for checked parameters. */
export function filterOf({
  stream,
  consumer,
  handler,
  reason,
  subject,
  since,
  until,
}: DeadLetterSelection): DeadLetterFilter {
  const criteria = { stream, consumer, handler, reason, subject };
  return given({ ...criteria, since: dateOf(since), until: dateOf(until) });
}

function dateOf(time: string | undefined): Date | undefined {
  return time === undefined ? undefined : new Date(time);
}
