import { InvalidArgumentError, InvalidSubjectError } from '../../errors/index.js';
import { nameText, shown } from '../../reporting/index.js';
import { checkDate, checkOptionalText, optionsCheck } from '../../validation/index.js';
import { DEAD_LETTER_SUBJECT } from './dead-letter-headers.js';
import type { DeadLetter } from './dead-letter.js';

/** Selects dead letters that match all given criteria. */
export interface DeadLetterFilter {
  /** Only messages of this stream. */
  readonly stream?: string | undefined;
  /** Only messages of this consumer. */
  readonly consumer?: string | undefined;
  /** Only messages of this handler: class and method, such as `Billing.onCreated`. */
  readonly handler?: string | undefined;
  /**
   * Only messages that failed for this reason: one of {@link DeadLetterReason}, or that of a {@link TerminateMessage}.
   */
  readonly reason?: string | undefined;
  /** Only messages that were published to this subject; wildcards are allowed. */
  readonly subject?: string | undefined;
  /** Only messages that became a dead letter at this time or later. */
  readonly since?: Date | undefined;
  /** Only messages that became a dead letter before this time. */
  readonly until?: Date | undefined;
}

/** @throws {@link InvalidArgumentError} */
export const checkFilter = optionsCheck<DeadLetterFilter>(
  'a filter of dead letters',
  { consumer: true, handler: true, reason: true, since: true, stream: true, subject: true, until: true },
  'filter',
);

/** The subjects in the dead-letter stream that the filter selects. @throws {@link InvalidArgumentError} */
export function subjectsOf({ stream, consumer }: Pick<DeadLetterFilter, 'stream' | 'consumer'>): string {
  for (const [option, name] of Object.entries({ stream, consumer })) {
    if (name !== undefined && (typeof name !== 'string' || !/^[^\s.*>]+$/.test(name))) {
      throw new InvalidArgumentError(option, `${shown(name)} is not the name of a ${option}`);
    }
  }
  return `${DEAD_LETTER_SUBJECT}.${stream ?? '*'}.${consumer ?? '*'}`;
}

/**
 * Compiles a filter to a predicate for dead letters whose stream and consumer already match.
 *
 * @throws {@link InvalidSubjectError}, {@link InvalidArgumentError} if the filter is invalid
 */
export function toTest({
  handler,
  reason,
  subject,
  since,
  until,
}: DeadLetterFilter): (letter: DeadLetter) => boolean {
  for (const [option, date] of Object.entries({ since, until })) {
    if (date !== undefined) checkDate(option, date);
  }
  checkOptionalText('handler', handler);
  checkOptionalText('reason', reason);
  const pattern = subject === undefined ? undefined : toPattern(subject);
  return (letter) =>
    (handler === undefined || letter.handler === handler) &&
    (reason === undefined || letter.reason === reason) &&
    (pattern === undefined || pattern.test(letter.subject)) &&
    (since === undefined || letter.time >= since) &&
    (until === undefined || letter.time < until);
}

/** A filter subject as a regular expression. */
function toPattern(subject: string): RegExp {
  if (typeof subject !== 'string' || !/^[^\s.]+(\.[^\s.]+)*$/.test(subject)) {
    throw new InvalidSubjectError(nameText(subject), 'it is not a subject');
  }
  const tokens = subject.split('.').map((token, place, { length }) => {
    if (token === '*') return '[^.]+';
    if (token === '>' && place === length - 1) return '.+';
    return token.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
  });
  return new RegExp(`^${tokens.join('\\.')}$`);
}

/** The metadata key of a consumer under which the filter of its dead-letter handler is stored. */
export const FILTER_METADATA = 'nestjs-nats-jetstream.dead-letters';

/** The text of a filter, which is the same for equal filters. An empty filter has an empty text. */
export function filterText({ stream, consumer, handler, reason, subject }: DeadLetterFilter): string {
  return Object.entries({ stream, consumer, handler, reason, subject })
    .filter(([, value]) => value !== undefined)
    .map(([option, value]) => `${option}=${JSON.stringify(value)}`)
    .join(' ');
}
