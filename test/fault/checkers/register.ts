interface Timed {
  readonly invoked: number;
  /** `Infinity` if it may take effect at any time after. */
  readonly returned: number;
}

interface Condition {
  readonly value: number | null;
}

/** An operation, as a statement about a register with compare-and-set. */
export type Step =
  | (Timed & { readonly kind: 'read'; readonly value: number | null })
  /** A write whose condition was not met. */
  | (Timed & { readonly kind: 'refusal'; readonly condition: Condition })
  | (Timed & {
      readonly kind: 'write';
      readonly condition: Condition | undefined;
      readonly value: number | null;
      /** 0 if it is unknown. */
      readonly revision: number;
      /** Whether it has taken effect. */
      readonly isCertain: boolean;
    });

/** How many combinations are tried for one key. */
const MOST_TRIES = 200_000;

/** There are too many combinations to decide whether an order explains the steps. */
export class UndecidedError extends Error {
  constructor() {
    super(`undecided after ${MOST_TRIES} combinations`);
  }
}

/**
 * Looks for an order that explains the steps, by the algorithm of Wing and Gong with the memory of Lowe: depth first, and
 * without trying twice the same set of completed steps with the same value.
 */
export class Register {
  private readonly steps: readonly Step[];
  private readonly isDone: Uint8Array;
  private readonly tried = new Set<string>();
  private tries = 0;
  private certain: number;

  constructor(steps: readonly Step[]) {
    this.steps = steps.toSorted((a, b) => a.invoked - b.invoked);
    this.isDone = new Uint8Array(steps.length);
    this.certain = steps.filter(mustHappen).length;
  }

  /** @throws UndecidedError if there are too many combinations to decide it */
  isLinearizable(): boolean {
    return this.search(null, 0);
  }

  /** Completes the steps that remain, from this state. */
  private search(value: number | null, revision: number): boolean {
    const completed = this.observe(value);
    if (this.certain === 0) return true;
    const state = `${value} ${Buffer.from(this.isDone).toString('latin1')}`;
    if (!this.tried.has(state)) {
      this.tried.add(state);
      if (++this.tries > MOST_TRIES) throw new UndecidedError();
      for (const index of this.possible()) {
        const step = this.steps[index];
        if (step.kind !== 'write' || !canFollow(step, value, revision)) continue;
        this.complete(index);
        if (this.search(step.value, Math.max(revision, step.revision))) return true;
        this.undo(index);
      }
    }
    for (const index of completed) this.undo(index);
    return false;
  }

  /** Completes the steps that do not change the register and agree with its value: that never excludes an order. */
  private observe(value: number | null): number[] {
    const completed: number[] = [];
    for (let isChanged = true; isChanged;) {
      isChanged = false;
      for (const index of this.possible()) {
        const step = this.steps[index];
        const agrees =
          step.kind === 'read'
            ? step.value === value
            : step.kind === 'refusal' && step.condition.value !== value;
        if (!agrees) continue;
        this.complete(index);
        completed.push(index);
        isChanged = true;
      }
    }
    return completed;
  }

  /** The steps that may be next: no other one has returned before they were invoked. Certain ones come first. */
  private possible(): number[] {
    let earliest = Infinity;
    const possible: number[] = [];
    for (const [index, step] of this.steps.entries()) {
      if (step.invoked > earliest) break;
      if (this.isDone[index]) continue;
      possible.push(index);
      earliest = Math.min(earliest, step.returned);
    }
    return possible
      .filter((index) => this.steps[index].invoked <= earliest)
      .toSorted((a, b) => Number(mustHappen(this.steps[b])) - Number(mustHappen(this.steps[a])));
  }

  private complete(index: number): void {
    this.isDone[index] = 1;
    if (mustHappen(this.steps[index])) this.certain--;
  }

  private undo(index: number): void {
    this.isDone[index] = 0;
    if (mustHappen(this.steps[index])) this.certain++;
  }
}

function mustHappen(step: Step): boolean {
  return step.kind !== 'write' || step.isCertain;
}

function canFollow(step: Step & { kind: 'write' }, value: number | null, revision: number): boolean {
  if (step.condition !== undefined && step.condition.value !== value) return false;
  // A removal whose acknowledgement was lost reports the marker that it finds, which may be that of another removal.
  const isKnownMarker = step.revision === revision && step.value === null && value === null;
  return step.revision === 0 || step.revision > revision || isKnownMarker;
}
