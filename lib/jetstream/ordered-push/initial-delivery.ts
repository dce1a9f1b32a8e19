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
 * comes twice. All has been delivered at a moment when the server has nothing left to send. In a replicated stream the
 * server that delivers may be behind; so it must also have reached the last message that the leader knew at the beginning.
 */
export class InitialDelivery {
  private lastInitial = 0;
  private delivered = 0;
  private completed = false;
  private asking = false;

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
    }
    if (pending === 0 && this.isUpTo(this.delivered)) this.finish();
  }

  /** A message was delivered, after which the server has so many more to send. */
  received(sequence: number, pending: number): void {
    this.delivered = sequence;
    if (pending === 0 && this.isUpTo(sequence)) this.finish();
  }

  /** The server has nothing to send, up to that sequence. */
  idle(sequence: number): void {
    if (this.completed) return;
    if (this.isUpTo(sequence)) this.finish();
    else void this.askAgain(sequence);
  }

  private isUpTo(sequence: number): boolean {
    return sequence >= this.lastInitial;
  }

  /** The last message may have been removed before the server that delivers knew it: then there is none to wait for. */
  private async askAgain(sequence: number): Promise<void> {
    if (this.asking) return;
    this.asking = true;
    try {
      if ((await this.options.lastSequence()) <= sequence) this.finish();
    } catch {
      // Asked again with the next heartbeat.
    } finally {
      this.asking = false;
    }
  }

  private finish(): void {
    if (this.completed) return;
    this.completed = true;
    this.options.onComplete();
  }
}
