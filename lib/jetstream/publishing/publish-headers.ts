import type { MsgHdrs } from '@nats-io/transport-node';
import { MessageHeaders } from '../../connection/index.js';
import { InvalidArgumentError } from '../../errors/index.js';
import { errorText, printable } from '../../reporting/index.js';
import { LONGEST_DURATION, toTime, toTtl } from '../../timing/index.js';
import { checkWholeNumber } from '../../validation/index.js';
import { validateFilter } from '../api/index.js';
import { assertPublishSubject } from './publish-subject.js';
import type { MessageOptions, PublishExpectations, PublishHeaders, Schedule } from './publish-options.js';

/** The headers of the publish protocol (ADR-4, ADR-43, ADR-49, ADR-50, ADR-51). */
export const PublishHeader = {
  messageId: 'Nats-Msg-Id',
  expectedStream: 'Nats-Expected-Stream',
  expectedLastSequence: 'Nats-Expected-Last-Sequence',
  expectedLastSubjectSequence: 'Nats-Expected-Last-Subject-Sequence',
  expectedLastSubjectSequenceSubject: 'Nats-Expected-Last-Subject-Sequence-Subject',
  expectedLastMessageId: 'Nats-Expected-Last-Msg-Id',
  ttl: 'Nats-TTL',
  schedule: 'Nats-Schedule',
  scheduleTarget: 'Nats-Schedule-Target',
  scheduleSource: 'Nats-Schedule-Source',
  scheduleTtl: 'Nats-Schedule-TTL',
  scheduleTimeZone: 'Nats-Schedule-Time-Zone',
  increment: 'Nats-Incr',
  batchId: 'Nats-Batch-Id',
  batchSequence: 'Nats-Batch-Sequence',
  batchCommit: 'Nats-Batch-Commit',
} as const;

/**
 * Builds the headers of a message from the module's defaults and the caller's options, without modifying them;
 * `undefined` if there are none.
 *
 * @throws {@link InvalidArgumentError} if options are invalid
 */
export function buildHeaders(
  own: PublishHeaders | undefined,
  options: MessageOptions,
  messageId: string | undefined,
  defaults?: PublishHeaders,
): MsgHdrs | undefined {
  const { headers, expect, ttl, schedule, codec } = options;
  if (
    !defaults &&
    !own &&
    !headers &&
    messageId === undefined &&
    !expect &&
    ttl === undefined &&
    !schedule &&
    !codec
  ) {
    return undefined;
  }
  if (expect && typeof expect !== 'object') throw new InvalidArgumentError('expect', 'it must be an object');
  const result = new MessageHeaders();
  if (defaults) copyHeaders(defaults, result);
  if (codec) result.set('Content-Type', codec.contentType);
  if (own) copyHeaders(own, result);
  if (headers) copyHeaders(headers, result);
  if (messageId !== undefined) result.set(PublishHeader.messageId, nonEmpty('messageId', messageId));
  if (expect) setExpectations(result, expect);
  if (ttl !== undefined) result.set(PublishHeader.ttl, formatTtl('ttl', ttl));
  if (schedule) setSchedule(result, schedule);
  return result;
}

/**
 * Adds headers to a block; each replaces those with the same name. Headers of a received message are copied unchanged,
 * regardless of their names.
 *
 * @throws {@link InvalidArgumentError} for invalid names and values
 */
export function copyHeaders(from: PublishHeaders, to: MessageHeaders): void {
  if (typeof from !== 'object')
    throw new InvalidArgumentError('headers', 'it must be an object of names and values');
  if (from instanceof MessageHeaders) return keepHeaders(from, to);
  for (const [name, value] of Symbol.iterator in from ? from : Object.entries(from)) {
    copyHeader(name, value, to);
  }
}

function keepHeaders(from: MessageHeaders, to: MessageHeaders): void {
  for (const [name, values] of from) {
    to.delete(name);
    for (const value of values) to.keep(name, value);
  }
}

function copyHeader(name: unknown, value: unknown, to: MsgHdrs): void {
  const values: unknown = typeof value === 'string' ? [value] : value;
  if (name === '') throw new InvalidArgumentError('headers', 'the name of a header must not be empty');
  if (typeof name !== 'string' || !isStrings(values)) {
    throw new InvalidArgumentError(
      `headers["${String(name)}"]`,
      'its value must be a string or a list of strings',
    );
  }
  try {
    to.delete(name);
    for (const one of values) to.append(name, one);
  } catch (cause) {
    throw new InvalidArgumentError(`headers["${printable(name)}"]`, errorText(cause), { cause });
  }
}

function isStrings(values: unknown): values is readonly string[] {
  return Array.isArray(values) && values.every((value) => typeof value === 'string');
}

function setExpectations(headers: MsgHdrs, expect: PublishExpectations): void {
  const { stream, lastSequence, lastSubjectSequence, lastSubjectSequenceSubject, lastMessageId } = expect;
  if (stream !== undefined) headers.set(PublishHeader.expectedStream, nonEmpty('expect.stream', stream));
  if (lastSequence !== undefined) {
    headers.set(PublishHeader.expectedLastSequence, sequence('expect.lastSequence', lastSequence));
  }
  if (lastSubjectSequence !== undefined) {
    headers.set(
      PublishHeader.expectedLastSubjectSequence,
      sequence('expect.lastSubjectSequence', lastSubjectSequence),
    );
  }
  if (lastSubjectSequenceSubject !== undefined) {
    if (lastSubjectSequence === undefined) {
      throw new InvalidArgumentError(
        'expect.lastSubjectSequenceSubject',
        'it is only allowed together with expect.lastSubjectSequence',
      );
    }
    validateFilter(lastSubjectSequenceSubject);
    headers.set(PublishHeader.expectedLastSubjectSequenceSubject, lastSubjectSequenceSubject);
  }
  if (lastMessageId !== undefined) {
    headers.set(PublishHeader.expectedLastMessageId, nonEmpty('expect.lastMessageId', lastMessageId));
  }
}

function setSchedule(headers: MsgHdrs, schedule: Schedule): void {
  headers.set(PublishHeader.schedule, formatSchedule(schedule));
  // Callers without types may omit it.
  const target: unknown = schedule.target;
  if (typeof target !== 'string') {
    throw new InvalidArgumentError('schedule.target', 'it must be the subject that the server publishes to');
  }
  assertPublishSubject(target);
  headers.set(PublishHeader.scheduleTarget, schedule.target);
  if (schedule.source !== undefined) {
    assertPublishSubject(schedule.source);
    headers.set(PublishHeader.scheduleSource, schedule.source);
  }
  if (schedule.ttl !== undefined)
    headers.set(PublishHeader.scheduleTtl, formatTtl('schedule.ttl', schedule.ttl));
  if ('timeZone' in schedule && schedule.timeZone !== undefined) {
    if (schedule.cron === undefined)
      throw new InvalidArgumentError('schedule.timeZone', 'it is only allowed together with schedule.cron');
    headers.set(PublishHeader.scheduleTimeZone, nonEmpty('schedule.timeZone', schedule.timeZone));
  }
}

function formatSchedule(schedule: Schedule): string {
  const { at, every, cron }: { readonly at?: Date; readonly every?: number; readonly cron?: string } =
    schedule;
  const kinds = [at, every, cron].filter((kind) => kind !== undefined).length;
  if (kinds !== 1) {
    throw new InvalidArgumentError('schedule', `set exactly one of at, every and cron, not ${kinds} of them`);
  }
  if (at !== undefined) return `@at ${toTime(at, 'schedule.at')}`;
  if (every !== undefined) return `@every ${formatInterval(every)}`;
  return nonEmpty('schedule.cron', cron);
}

function formatInterval(every: number): string {
  if (!Number.isSafeInteger(every) || every < 1_000 || every > LONGEST_DURATION) {
    const problem = `${String(every)} is not a whole number of milliseconds from 1000 to ${LONGEST_DURATION}`;
    throw new InvalidArgumentError('schedule.every', problem);
  }
  return `${every}ms`;
}

function formatTtl(name: string, ttl: number | 'never'): string {
  return ttl === 'never' ? ttl : toTtl(ttl, name);
}

function sequence(name: string, value: number): string {
  checkWholeNumber(name, value, 0);
  return String(value);
}

function nonEmpty(name: string, value: string | undefined): string {
  if (typeof value !== 'string' || value.trim() === '')
    throw new InvalidArgumentError(name, 'it must be a non-empty string');
  if (/[\r\n]/.test(value)) throw new InvalidArgumentError(name, 'it must not contain line breaks');
  return value;
}
