import { unknownOptions, type KnownOptions } from '../../validation/index.js';

/**
 * How many messages one instance may have in flight for one handler, and how many a batch or the window of a circuit
 * breaker may have: far above what a process can do at once, and far below what makes it run out of memory.
 */
export const MOST_IN_FLIGHT = 65_536;
/** How many messages may be buffered for one handler. */
export const MOST_BUFFERED = 16_777_216;

/** Collects what is wrong with options, each as a sentence. */
export class OptionChecks {
  readonly problems: string[] = [];

  /** Options that exist. */
  known(options: object, known: KnownOptions): void {
    this.problems.push(...unknownOptions(options, known));
  }

  /** A duration in milliseconds. */
  duration(option: string, value: unknown, minimum = 0): void {
    if (value === undefined || (isNumber(value) && value >= minimum)) return;
    this.problems.push(
      `${option} must be a number of milliseconds, ${minimum} or more; it is ${show(value)}`,
    );
  }

  durations(option: string, value: unknown): void {
    if (value === undefined) return;
    if (!Array.isArray(value) || value.length === 0) {
      this.problems.push(`${option} must be a list of milliseconds; it is ${show(value)}`);
      return;
    }
    value.forEach((item, i) => this.duration(`${option}[${i}]`, item));
  }

  count(option: string, value: unknown, minimum = 1, maximum = Infinity): void {
    if (value === undefined) return;
    if (Number.isInteger(value) && (value as number) >= minimum && (value as number) <= maximum) return;
    const bounds = maximum === Infinity ? `, ${minimum} or more` : ` from ${minimum} to ${maximum}`;
    const advice = typeof value === 'number' && value > maximum ? ': give a smaller number' : '';
    this.problems.push(`${option} must be a whole number${bounds}; it is ${show(value)}${advice}`);
  }

  oneOf(option: string, value: unknown, allowed: readonly string[]): void {
    if (value === undefined || allowed.includes(value as string)) return;
    this.problems.push(`${option} must be one of ${allowed.map(show).join(', ')}; it is ${show(value)}`);
  }

  /** A share: above 0, up to 1. */
  share(option: string, value: unknown): void {
    if (value === undefined || (isNumber(value) && value > 0 && value <= 1)) return;
    this.problems.push(`${option} must be above 0 and up to 1; it is ${show(value)}`);
  }

  /** Options that another one excludes. */
  absent(because: string, options: object, excluded: readonly string[]): void {
    const given = excluded.filter((option) => (options as Record<string, unknown>)[option] !== undefined);
    if (given.length > 0)
      this.problems.push(`${because} excludes ${given.join(', ')}: leave out one or the other`);
  }

  /** The name of a stream, consumer or bucket. */
  name(option: string, value: unknown): void {
    if (typeof value === 'string' && /^[^\s.*>/\\]+$/.test(value)) return;
    this.problems.push(
      `${option} must be a name without spaces, ".", "*", ">", "/" and "\\"; it is ${show(value)}`,
    );
  }

  subject(option: string, value: unknown): void {
    if (typeof value === 'string' && /^[^\s.]+(\.[^\s.]+)*$/.test(value)) return;
    this.problems.push(`${option} must be a subject; it is ${show(value)}`);
  }
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function show(value: unknown): string {
  return typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value));
}
