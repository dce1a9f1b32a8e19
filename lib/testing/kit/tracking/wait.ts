import { InvalidArgumentError } from '../../../errors/index.js';
import { realTimeout } from './real-timers.js';

/** The waits of a test that have not ended. */
export class Waits {
  private readonly open = new Set<() => void>();
  private isClosed = false;

  /** Calls a function when the kit is closed, at once if it is; the returned function cancels that. */
  whenClosed(act: () => void): () => void {
    if (this.isClosed) act();
    else this.open.add(act);
    return () => this.open.delete(act);
  }

  /** Ends all waits: the kit is closed. */
  close(): void {
    this.isClosed = true;
    for (const act of this.open) act();
    this.open.clear();
  }
}

/** A wait of a test, which ends once; it fails if the kit is closed before. */
export class Wait {
  private cancelTimer = (): void => undefined;
  private readonly cancels: (() => void)[] = [];
  private isOver = false;

  /** @param describe returns what did not happen, and what is pending */
  constructor(
    waits: Waits,
    private readonly reject: (error: unknown) => void,
    describe: () => string,
  ) {
    this.cancelAtEnd(
      waits.whenClosed(() => {
        this.attempt(() => {
          const error = closedError(describe());
          this.end(() => reject(error));
        });
      }),
    );
  }

  /** Calls a function, such as one of the test; if it throws, the wait fails with its error, so that it does not stay open. */
  attempt(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.end(() => this.reject(error));
    }
  }

  /** Calls a function when the wait ends. */
  cancelAtEnd(cancel: () => void): void {
    if (this.isOver) cancel();
    else this.cancels.push(cancel);
  }

  /** Calls a function after a time, unless the wait ends before, or is given another time. */
  after(time: number, act: () => void): void {
    this.cancelTimer();
    if (!this.isOver) this.cancelTimer = realTimeout(time, () => this.attempt(act));
  }

  end(act: () => void): void {
    if (this.isOver) return;
    this.isOver = true;
    this.cancelTimer();
    for (const cancel of this.cancels) cancel();
    act();
  }
}

function closedError(what: string): InvalidArgumentError {
  return new InvalidArgumentError(
    'kit',
    `it was closed before a wait had ended. Await all waits of a test before it closes the kit. ${what}`,
  );
}
