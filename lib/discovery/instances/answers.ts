import type { Msg } from '@nats-io/transport-node';
import { parsed } from '../parsed-payload.js';

/** The largest answer that is read, and how much is read in all, in bytes. */
const LARGEST = 4 * 1_024 * 1_024;
const MOST_BYTES = 64 * 1_024 * 1_024;
/** The maximum number of instances, and of answers that are left out. */
const MOST_INSTANCES = 1_000;
const MOST_SKIPPED = 10_000;

/** Reads the answers of peers, which are not trusted: invalid ones are left out and counted. */
export class Answers<T extends { readonly id: string; readonly name: string }> {
  private readonly found = new Map<string, T>();
  private bytes = 0;
  skipped = 0;

  constructor(
    /** Reads an answer; `undefined` if it is not valid. */
    private readonly read: (answer: unknown) => T | undefined,
    /** The name of the service; `undefined` for all services. */
    private readonly name?: string,
  ) {}

  /** Adds an answer. Never throws. @returns whether further answers may be added */
  add({ data }: Pick<Msg, 'data'>): boolean {
    this.bytes += data.length;
    const answer = data.length > LARGEST ? undefined : this.read(parsed(data));
    const isOther = answer !== undefined && this.name !== undefined && answer.name !== this.name;
    if (answer === undefined || isOther || this.found.has(answer.id)) this.skipped++;
    else this.found.set(answer.id, answer);
    return this.bytes < MOST_BYTES && this.found.size < MOST_INSTANCES && this.skipped < MOST_SKIPPED;
  }

  /** In the order of names and ids. */
  get list(): T[] {
    return [...this.found.values()].toSorted((a, b) => compare(a.name, b.name) || compare(a.id, b.id));
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
