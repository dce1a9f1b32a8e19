import { types } from 'node:util';
import { InvalidArgumentError } from '../errors/index.js';
import { shown } from '../reporting/index.js';

/**
 * The longest duration that a server supports, in milliseconds, about 292 years: it counts in nanoseconds with 63 bits.
 * It treats a longer delay of a `-NAK` as no delay, and rejects or misreads longer durations elsewhere.
 */
export const LONGEST_DURATION = 9_223_372_036_854;

/**
 * The longest time to live of a single message, in milliseconds: 200 years. The server adds it to the current time, and
 * a message that ends after the year 2262 would expire immediately.
 */
export const LONGEST_TTL = 200 * 365 * 86_400_000;

const NANOSECONDS = 1_000_000;

/**
 * Converts milliseconds to the server's nanoseconds.
 *
 * @throws {@link InvalidArgumentError} if it is not a number, negative, or longer than {@link LONGEST_DURATION}
 */
export function toNanos(milliseconds: number, option: string): number {
  if (typeof milliseconds !== 'number' || !Number.isFinite(milliseconds) || milliseconds < 0) {
    throw new InvalidArgumentError(option, `${shown(milliseconds)} is not a number of milliseconds`);
  }
  if (milliseconds > LONGEST_DURATION) {
    throw new InvalidArgumentError(
      option,
      `${milliseconds} is more than ${LONGEST_DURATION} milliseconds, the longest duration that servers support`,
    );
  }
  return Math.round(milliseconds * NANOSECONDS);
}

/**
 * Converts milliseconds to the server's nanoseconds, rounded down; a longer time counts as {@link LONGEST_DURATION}.
 */
export function toNanosAtMost(milliseconds: number): number {
  return Math.floor(Math.min(milliseconds, LONGEST_DURATION) * NANOSECONDS);
}

/**
 * Converts the time to live of a single message to the value of its `Nats-TTL` header.
 *
 * @throws {@link InvalidArgumentError} if it is not a number of milliseconds in whole seconds, from one second to
 * {@link LONGEST_TTL}
 */
export function toTtl(milliseconds: number, option: string): string {
  if (!Number.isSafeInteger(milliseconds) || milliseconds < 1_000 || milliseconds % 1_000 !== 0) {
    throw new InvalidArgumentError(
      option,
      `${shown(milliseconds)} is not a positive multiple of 1000 milliseconds`,
    );
  }
  if (milliseconds > LONGEST_TTL) {
    throw new InvalidArgumentError(
      option,
      `${milliseconds} milliseconds is more than 200 years: servers would expire the message immediately`,
    );
  }
  return `${milliseconds / 1_000}s`;
}

/** Converts the server's nanoseconds to milliseconds. */
export function fromNanos(value: unknown): number {
  return Number(value) / NANOSECONDS;
}

/**
 * Converts a `Date` to the server's RFC 3339 time.
 *
 * @throws {@link InvalidArgumentError} if it is not a valid `Date`, or lies before 1678 or after 2262: servers would
 * misread it
 */
export function toTime(date: Date, option: string): string {
  if (!types.isDate(date) || Number.isNaN(date.getTime())) {
    throw new InvalidArgumentError(option, `${shown(date)} is not a valid Date`);
  }
  if (Math.abs(date.getTime()) > LONGEST_DURATION) {
    throw new InvalidArgumentError(
      option,
      `${date.toISOString()} is not between the years 1678 and 2262, the range that servers support`,
    );
  }
  return date.toISOString();
}

/** Converts an RFC 3339 time to a `Date`; `undefined` for Go's zero time, which means "never". */
export function fromTime(value: unknown): Date | undefined {
  return typeof value !== 'string' || value.startsWith('0001-01-01') ? undefined : new Date(value);
}
