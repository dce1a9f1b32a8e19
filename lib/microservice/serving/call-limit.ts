import { Ring } from '../../jetstream/index.js';

/** A call that waits for its turn. */
export interface WaitingCall {
  /** Whether it was cancelled in the meantime. */
  readonly isOver: boolean;
}

/** Limits the calls of one handler that run at once; further calls wait, up to a limit. */
export class CallLimit {
  private readonly waiting = new Ring<{ readonly call: WaitingCall; readonly begin: () => void }>();
  private inTheWorks = 0;
  private refusing = false;

  constructor(
    private readonly concurrency: number,
    readonly maxPending: number,
  ) {}

  /** Starts a call, now or when others have ended; `false` if no more calls may wait. */
  admit(call: WaitingCall, begin: () => void): boolean {
    if (this.inTheWorks < this.concurrency) {
      this.inTheWorks++;
      begin();
      return true;
    }
    if (this.waiting.size >= this.maxPending) return false;
    this.waiting.push({ call, begin });
    return true;
  }

  /** Called when a call has ended: the next one starts. */
  leave(): void {
    for (let next = this.waiting.shift(); next !== undefined; next = this.waiting.shift()) {
      if (!next.call.isOver) return next.begin();
    }
    this.inTheWorks--;
    this.refusing = false;
  }

  /** Whether a refusal is the first one since no call was waiting, so that it should be logged. */
  isFirstRefusal(): boolean {
    const { refusing } = this;
    this.refusing = true;
    return !refusing;
  }
}
