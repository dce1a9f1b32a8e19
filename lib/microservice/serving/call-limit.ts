import { Ring } from '../../jetstream/index.js';

/** A call that waits for its turn. */
export interface WaitingCall {
  /** Whether it was called off meanwhile. */
  readonly isOver: boolean;
}

/** How many calls of one handler are in the works at once: more wait their turn, up to a bound. */
export class CallLimit {
  private readonly waiting = new Ring<{ readonly call: WaitingCall; readonly begin: () => void }>();
  private inTheWorks = 0;
  private refusing = false;

  constructor(
    private readonly concurrency: number,
    readonly maxPending: number,
  ) {}

  /** Begins a call, now or when others have left; false where no more may wait. */
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

  /** A call is through: the next one begins. */
  leave(): void {
    for (let next = this.waiting.shift(); next !== undefined; next = this.waiting.shift()) {
      if (!next.call.isOver) return next.begin();
    }
    this.inTheWorks--;
    this.refusing = false;
  }

  /** Whether a refusal is the first since nothing waited: worth a word in the log. */
  isFirstRefusal(): boolean {
    const { refusing } = this;
    this.refusing = true;
    return !refusing;
  }
}
