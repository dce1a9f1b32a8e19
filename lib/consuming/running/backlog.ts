import { Ring, type JetStreamMessage } from '../../jetstream/index.js';

/** What waits to be handled, and which of it may be started next. */
export interface Backlog {
  /** How many messages wait. */
  readonly size: number;
  /** Whether one of them may be started. */
  readonly ready: boolean;
  /** Takes a message that just arrived: true where it is to be started at once, false where it was kept to wait. */
  offer(message: JetStreamMessage): boolean;
  /** Keeps a message until it may be started. */
  add(message: JetStreamMessage): void;
  /** The next message to start, where there is one that may be. */
  take(): JetStreamMessage | undefined;
  /** A message that was started is through. */
  done(message: JetStreamMessage): void;
  /** All that waits, left where it is. */
  [Symbol.iterator](): Iterator<JetStreamMessage>;
  /** Removes all that waits. */
  clear(): JetStreamMessage[];
}

/** First come, first started. */
export class InOrderBacklog implements Backlog {
  private readonly waiting = new Ring<JetStreamMessage>();

  get size(): number {
    return this.waiting.size;
  }

  get ready(): boolean {
    return this.waiting.size > 0;
  }

  offer(message: JetStreamMessage): boolean {
    if (this.waiting.size === 0) return true;
    this.waiting.push(message);
    return false;
  }

  add(message: JetStreamMessage): void {
    this.waiting.push(message);
  }

  take(): JetStreamMessage | undefined {
    return this.waiting.shift();
  }

  done(): void {}

  [Symbol.iterator](): Iterator<JetStreamMessage> {
    return this.waiting[Symbol.iterator]();
  }

  clear(): JetStreamMessage[] {
    const all = [...this.waiting];
    this.waiting.clear();
    return all;
  }
}
