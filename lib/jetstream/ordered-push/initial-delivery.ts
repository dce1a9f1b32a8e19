import type { OrderedPushStarted } from './ordered-push-config.js';

/** The options and callbacks of an {@link InitialDelivery}. */
export interface InitialDeliveryOptions {
  /** Returns the sequence of the last matching message according to the stream's leader; 0 if there is none. */
  readonly lastSequence: () => Promise<number>;
  /**
   * Called once, and again after a restart, when all messages that the stream had at the beginning were delivered. Must
   * not throw.
   */
  readonly onComplete: () => void;
}

/**
 * Detects when an ordered push has delivered all messages that the stream had at the beginning.
 *
 * Counting is not sufficient: a message that is replaced before it is sent arrives later, and one that is replaced
 * afterwards arrives twice, so the count may be reached while messages are missing. The pending count of the server can
 * also be wrong while messages are replaced. Therefore the leader is asked for its last message, repeatedly, until that
 * message had been delivered before the request. This is also correct with replicas, when the delivering server may be
 * behind.
 */
export class InitialDelivery {
  private lastInitial = 0;
  private delivered = 0;
  private completed = false;
  private asking = false;
  private asked = 0;
  /** Counts the restarts, so that a response about the earlier stream is ignored. */
  private life = 0;

  constructor(private readonly options: InitialDeliveryOptions) {}

  /** Whether all initial messages were delivered. */
  get complete(): boolean {
    return this.completed;
  }

  /** Asks the leader; must be called before the push is started. */
  async prepare(): Promise<void> {
    this.lastInitial = await this.options.lastSequence();
  }

  /** Skips the initial delivery: none of the existing messages is to be delivered. */
  skip(): void {
    this.finish();
  }

  /** Called when a consumer was created. */
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

  /** Called when a message was delivered, with the number of messages that the server has still to send. */
  received(sequence: number, pending: number): void {
    this.delivered = sequence;
    if (this.completed || sequence < this.lastInitial) return;
    // The stream may change so fast that the leader's last message is never reached.
    if (pending === 0 && this.asked >= MANY) this.finish();
    else void this.askAgain(sequence);
  }

  /** Called when the server has no more messages to send, up to this sequence. */
  idle(sequence: number): void {
    if (this.completed) return;
    if (sequence >= this.lastInitial) this.finish();
    // The last message may have been removed before it reached the delivering server; then there is no message to wait
    // for.
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
      // It is asked again with the next message or heartbeat.
      return;
    } finally {
      this.asking = false;
    }
    // A message that arrived in the meantime may be the leader's last message.
    if (!this.completed && this.delivered > sequence) void this.askAgain(this.delivered);
  }

  private finish(): void {
    if (this.completed) return;
    this.completed = true;
    this.options.onComplete();
  }
}

const MANY = 20;
