import { Ring, type JetStreamMessage } from '../../jetstream/index.js';

/** The messages that wait to be handled, and the order in which they may be started. */
export interface Backlog {
  /** The number of waiting messages. */
  readonly size: number;
  /** Whether a waiting message may be started. */
  readonly ready: boolean;
  /**
   * Offers a message that just arrived: `true` if it may be started at once, `false` if it was added to the backlog.
   */
  offer(message: JetStreamMessage): boolean;
  /** Keeps a message until it may be started. */
  add(message: JetStreamMessage): void;
  /** The next message to start, if one may be started. */
  take(): JetStreamMessage | undefined;
  /** Called when a started message has ended. */
  done(message: JetStreamMessage): void;
  /** Iterates over all waiting messages without removing them. */
  [Symbol.iterator](): Iterator<JetStreamMessage>;
  /** Removes all waiting messages. */
  clear(): JetStreamMessage[];
}

/** Starts messages in the order of their arrival. */
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
