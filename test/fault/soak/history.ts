import { NumberSet } from '../model/number-set.js';

/** The forms of handlers that a stream delivers to; each has a subject of its own, `work.<form>`. */
export const FORMS = [
  'sync',
  'async',
  'batch',
  'cumulative',
  'keyed',
  'push',
  'ephemeral',
  'ordered',
  'idempotent',
  'forward',
  'forwarded',
  'event',
  'request',
] as const;
export type Form = (typeof FORMS)[number];

/** Forms whose consumer acknowledges, by the name of its durable consumer. */
export const ACKNOWLEDGED: ReadonlySet<string> = new Set<Form>([
  'sync',
  'async',
  'batch',
  'cumulative',
  'keyed',
  'push',
  'idempotent',
  'forward',
  'forwarded',
  'event',
  'request',
]);

/** How many different problems of one kind are kept. */
const KEPT = 20;

/**
 * The messages that were stored, handled and acknowledged in a run, and the checks that this is correct. Messages are
 * identified by their stream sequence.
 */
export class History {
  /** The problems that were found, in order. */
  readonly problems: string[] = [];
  readonly seen = {
    core: new NumberSet(),
    objects: new Map<string, number>(),
    keys: new Map<string, number>(),
  };
  private readonly storedOf = new Map<string, NumberSet>();
  private readonly finishedOf = new Map<string, NumberSet>();
  private readonly results = new NumberSet();
  private readonly runningKeys = new Map<string, number>();
  private lastOrdered = 0;
  private dropped = 0;

  /** The stream has acknowledged that it has the message. */
  stored(form: Form, sequence: number): void {
    setOf(this.storedOf, form).add(sequence);
  }

  /** The handler has finished a message. */
  finished(form: Form, sequence: number): void {
    setOf(this.finishedOf, form).add(sequence);
  }

  /** A message was acknowledged to the consumer; with `all`, also every message before it. */
  acknowledged(form: string, sequence: number, all: boolean): void {
    const done = setOf(this.finishedOf, form);
    const covered = all ? [...setOf(this.storedOf, form)].filter((each) => each <= sequence) : [sequence];
    const unfinished = covered.filter((each) => !done.has(each));
    if (unfinished.length > 0)
      this.report(`${form}: ${unfinished.join(', ')} acknowledged before the handler had finished`);
  }

  /** The value that a handler returned for a message has arrived. */
  forwarded(origin: number): void {
    this.results.add(origin);
  }

  /** A handler that gets one message of a key at a time begins with one. */
  beginKey(key: string, sequence: number): void {
    const other = this.runningKeys.get(key);
    if (other !== undefined) this.report(`keyed: ${sequence} begun while ${other} of the same key ran`);
    this.runningKeys.set(key, sequence);
  }

  endKey(key: string): void {
    this.runningKeys.delete(key);
  }

  /** A handler that gets each message once, in the order of the stream, has one. */
  inOrder(sequence: number): void {
    if (sequence <= this.lastOrdered) this.report(`ordered: ${sequence} after ${this.lastOrdered}`);
    this.lastOrdered = sequence;
  }

  /** A watch has a change of a key. */
  changed(key: string, revision: number): void {
    const last = this.seen.keys.get(key) ?? 0;
    if (revision <= last) this.report(`watch: revision ${revision} of "${key}" after ${last}`);
    this.seen.keys.set(key, revision);
  }

  /** A subscription has a message, which core NATS delivers once at most. */
  received(id: number): void {
    if (this.seen.core.has(id)) this.report(`subscription: message ${id} twice`);
    this.seen.core.add(id);
  }

  /** Something else is wrong. */
  report(problem: string): void {
    if (this.problems.length < KEPT) this.problems.push(problem);
    else this.dropped++;
  }

  /** How many messages of each form were stored. */
  counts(): Record<string, number> {
    return Object.fromEntries(FORMS.map((form) => [form, setOf(this.storedOf, form).size]));
  }

  /** The messages that the stream has and the handler has never finished. */
  missing(): Record<string, number[]> {
    const all = FORMS.map((form): [string, number[]] => {
      const done = setOf(this.finishedOf, form);
      return [form, [...setOf(this.storedOf, form)].filter((sequence) => !done.has(sequence))];
    });
    const unpublished = [...setOf(this.storedOf, 'forward')].filter(
      (sequence) => !this.results.has(sequence),
    );
    return Object.fromEntries(
      [...all, ['results of forward', unpublished] as const].filter(([, sequences]) => sequences.length > 0),
    );
  }
}

/** How much more the last third of samples has than the first, by their medians. */
export function growth(samples: readonly number[]): number {
  const third = Math.ceil(samples.length / 3);
  return median(samples.slice(-third)) - median(samples.slice(0, third));
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

function setOf(sets: Map<string, NumberSet>, form: string): NumberSet {
  let set = sets.get(form);
  if (set === undefined) sets.set(form, (set = new NumberSet()));
  return set;
}
