import { type Outcome, OUTCOMES, type HandlerForm } from '../../instruments/index.js';
import type { HandlerStatus } from '../../consuming/index.js';
import { fromNanos } from '../../timing/index.js';
import { isObject } from '../../validation/index.js';
import { isServiceName } from '../discovery-options.js';
import { type HandlerReport, SERVICE_TYPES, type ServiceIdentity } from '../service-messages.js';
import type { ServiceEndpoint, ServiceInstance } from './service-instance.js';

/** The limits of what a peer may send, in characters and numbers. */
const LONGEST_TEXT = 4_096;
const MOST_METADATA = 256;
const MOST_ENDPOINTS = 10_000;

/** An id is a token of subjects. */
const ID = /^[A-Za-z0-9_-]{1,128}$/;
const FORMS: Readonly<Record<HandlerForm, true>> = {
  consumer: true,
  ordered: true,
  push: true,
  batch: true,
  'kv-watch': true,
  'object-watch': true,
  subscription: true,
  event: true,
  request: true,
};
const STATUSES: Readonly<Record<HandlerStatus, true>> = {
  starting: true,
  running: true,
  recovering: true,
  paused: true,
  stopped: true,
};

/** Whether a text can be the id of an instance. */
export function isInstanceId(value: unknown): value is string {
  return typeof value === 'string' && ID.test(value);
}

/** The common part of an answer; `undefined` if it is not a valid answer. Never throws. */
export function readIdentity(answer: unknown, type: string): ServiceIdentity | undefined {
  if (!isObject(answer) || answer.type !== type) return undefined;
  const { name, id, version } = answer;
  const metadata = readMetadata(answer.metadata);
  if (!isServiceName(name) || !isInstanceId(id) || !isText(version) || metadata === undefined)
    return undefined;
  return { name, id, version, metadata };
}

/** The instance that an answer to `STATS` describes; `undefined` if it is not a valid answer. Never throws. */
export function readInstance(answer: unknown, ownId: string | undefined): ServiceInstance | undefined {
  const identity = readIdentity(answer, SERVICE_TYPES.STATS);
  if (identity === undefined || !isObject(answer) || !isText(answer.started)) return undefined;
  const startedAt = new Date(answer.started);
  const endpoints = readList(answer.endpoints, readEndpoint);
  if (endpoints === undefined || Number.isNaN(startedAt.getTime())) return undefined;
  return { ...identity, startedAt, isSelf: identity.id === ownId, endpoints };
}

function readEndpoint(value: unknown): ServiceEndpoint | undefined {
  if (!isObject(value)) return undefined;
  const { name, subject, queue_group: queueGroup = '', last_error: lastError = '' } = value;
  const numbers = [
    value.num_requests,
    value.num_errors,
    value.processing_time,
    value.average_processing_time,
  ];
  if (!isText(name) || !isText(subject) || !isText(queueGroup) || !isText(lastError)) return undefined;
  if (!numbers.every(isAmount)) return undefined;
  const [requests, errors, total, average] = numbers;
  return {
    name,
    subject,
    queueGroup,
    requests,
    errors,
    lastError,
    processingTime: fromNanos(total),
    averageProcessingTime: fromNanos(average),
    handler: readReport(value.data),
  };
}

/** The state of a handler of this library; `undefined` if it is something else. Never throws. */
export function readReport(value: unknown): HandlerReport | undefined {
  if (!isObject(value)) return undefined;
  const { handler, controlName, form, connection, source, consumer, status, connected, circuitOpen } = value;
  if (!isText(handler) || !isText(connection) || !isText(source) || !isOneOf(FORMS, form)) return undefined;
  if (!isTextOrMissing(consumer) || !isTextOrMissing(controlName)) return undefined;
  if (status !== undefined && !isOneOf(STATUSES, status)) return undefined;
  if (!isFlag(connected) || !isFlag(circuitOpen)) return undefined;
  const { statusAge, inFlight, buffered, oldest, lag } = value;
  if (
    !isAmountOrMissing(statusAge) ||
    !isAmountOrMissing(inFlight) ||
    !isAmountOrMissing(buffered) ||
    !isAmountOrMissing(oldest) ||
    !isAmountOrMissing(lag)
  )
    return undefined;
  return {
    handler,
    controlName,
    form,
    connection,
    source,
    consumer,
    status,
    statusAge,
    connected,
    inFlight,
    buffered,
    oldest,
    circuitOpen,
    lag,
    outcomes: readOutcomes(value.outcomes),
  };
}

/** Outcomes of newer versions are left out. */
function readOutcomes(value: unknown): HandlerReport['outcomes'] {
  if (!isObject(value)) return undefined;
  return Object.fromEntries(
    OUTCOMES.flatMap((outcome): [Outcome, number][] => {
      const count = Object.hasOwn(value, outcome) ? value[outcome] : undefined;
      return isAmount(count) ? [[outcome, count]] : [];
    }),
  );
}

function readMetadata(value: unknown): Readonly<Record<string, string>> | undefined {
  // Services of other libraries may leave it out.
  if (value === undefined || value === null) return {};
  if (!isObject(value)) return undefined;
  const entries = Object.entries(value);
  const isValid = entries.length <= MOST_METADATA && entries.every((entry) => entry.every(isText));
  return isValid ? Object.fromEntries(entries as [string, string][]) : undefined;
}

/** All items; `undefined` if one of them is not valid. */
export function readList<T>(value: unknown, read: (item: unknown) => T | undefined): T[] | undefined {
  if (value === null) return [];
  if (!Array.isArray(value) || value.length > MOST_ENDPOINTS) return undefined;
  const items: T[] = [];
  for (const each of value as readonly unknown[]) {
    const item = read(each);
    if (item === undefined) return undefined;
    items.push(item);
  }
  return items;
}

export function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= LONGEST_TEXT;
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function isAmountOrMissing(value: unknown): value is number | undefined {
  return value === undefined || isAmount(value);
}

function isTextOrMissing(value: unknown): value is string | undefined {
  return value === undefined || isText(value);
}

function isFlag(value: unknown): value is boolean | undefined {
  return value === undefined || typeof value === 'boolean';
}

function isOneOf<Name extends string>(names: Readonly<Record<Name, true>>, value: unknown): value is Name {
  return typeof value === 'string' && Object.hasOwn(names, value);
}
