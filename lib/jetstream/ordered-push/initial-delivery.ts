import type { OrderedPushStarted } from './ordered-push-config.js';

/** What an {@link InitialDelivery} needs to know, and whom it tells. */
export interface InitialDeliveryOptions {
  /** The sequence of the last message that matches, as the stream's leader knows it; 0 if there is none. */
  readonly lastSequence: () => Promise<number>;
  /** Called once, and again after a restart: all that the stream held at the beginning was delivered. Must not throw. */
  readonly onComplete: () => void;
}

/**
 * Finds out when an ordered push has delivered what the stream held at the beginning.
 *
 * Counting is not enough: a message that is replaced before it is sent comes later, and one that is replaced afterwards
 * comes twice; so the count may be reached while messages are missing. What the server says that it has left to send is
 * also wrong at times while messages are replaced. So the leader is asked for its last message until that was delivered
 * before it was asked for. That is right with replicas too, where the server that delivers may be behind.
 */
export class InitialDelivery {
  private lastInitial = 0;
  private delivered = 0;
  private completed = false;
  private asking = false;
  private asked = 0;
  /** Counts the restarts, so that an answer about the stream before is not taken for one about this one. */
  private life = 0;

  constructor(private readonly options: InitialDeliveryOptions) {}

  /** Whether everything was delivered. */
  get complete(): boolean {
    return this.completed;
  }

  /** Asks the leader; to be called before the push is started. */
  async prepare(): Promise<void> {
    this.lastInitial = await this.options.lastSequence();
  }

  /** Nothing of what is there is to be delivered. */
  skip(): void {
    this.finish();
  }

  /** A consumer was created. */
  started({ pending, restarted }: OrderedPushStarted): void {
    if (restarted) {
      this.completed = false;
      this.lastInitial = 0;
      this.delivered = 0;
      this.asked = 0;
      this.life++;
    }
    if (pending === 0 && this.delivered >= this.lastInitial) this.finish();
  }

  /** A message was delivered, after which the server has so many more to send. */
  received(sequence: number, pending: number): void {
    this.delivered = sequence;
    if (this.completed || sequence < this.lastInitial) return;
    // The stream may change so fast that the leader's last message is never reached.
    if (pending === 0 && this.asked >= MANY) this.finish();
    else void this.askAgain(sequence);
  }

  /** The server has nothing to send, up to that sequence. */
  idle(sequence: number): void {
    if (this.completed) return;
    if (sequence >= this.lastInitial) this.finish();
    // The last message may have been removed before the server that delivers knew it: then there is none to wait for.
    else void this.askAgain(sequence);
  }

  private async askAgain(sequence: number): Promise<void> {
    if (this.asking) return;
    this.asking = true;
    const { life } = this;
    try {
      this.asked++;
      const last = await this.options.lastSequence();
      if (life !== this.life) return;
      if (last <= sequence) return this.finish();
    } catch {
      // Asked again with the next message or heartbeat.
      return;
    } finally {
      this.asking = false;
    }
    // What came meanwhile may be the leader's last message.
    if (!this.completed && this.delivered > sequence) void this.askAgain(this.delivered);
  }

  private finish(): void {
    if (this.completed) return;
    this.completed = true;
    this.options.onComplete();
  }
}

const MANY = 20;
