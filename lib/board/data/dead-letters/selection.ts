import type { DeadLetterFilter } from '../../../consuming/index.js';
import {
  type AllOptionsOf,
  filledText,
  given,
  resourceName,
  subjectRule,
} from '../../../validation/index.js';
import type { DeadLetterSelection } from '../../model/index.js';
import { timeText } from '../inputs.js';

/** The parameters that select dead letters. */
export const SELECTION = {
  stream: resourceName,
  consumer: resourceName,
  handler: filledText,
  reason: filledText,
  subject: subjectRule,
  since: timeText,
  until: timeText,
} satisfies AllOptionsOf<DeadLetterSelection>;

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
