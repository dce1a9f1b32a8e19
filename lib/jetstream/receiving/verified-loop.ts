import {
  ConsumerDeletedError,
  ConsumerNotFoundError,
  NoHeartbeatError,
  NotAPullConsumerError,
  NotAPushConsumerError,
  PullRequestRefusedError,
  StreamNotFoundError,
} from '../../errors/index.js';
import type { LoopOwner, OpenLoop, ReceiveLoop, ReceivingFrom } from './receive-loop.js';

/**
 * A loop that ends when its consumer no longer exists. The server reports the deletion only to requests that are open
 * at that moment; later requests get no response, or "no responders", and then the existence of the consumer is
 * checked.
 */
export class VerifiedLoop implements ReceiveLoop {
  private readonly loop: ReceiveLoop;
  private verifying = false;
  private ended = false;

  constructor(
    open: OpenLoop,
    private readonly owner: LoopOwner,
    private readonly from: ReceivingFrom,
    /** Requests the consumer from the server. */
    private readonly find: () => Promise<unknown>,
  ) {
    this.loop = open({
      onMessage: (message) => owner.onMessage(message),
      onError: (error) => {
        owner.onError(error);
        if (mayBeGone(error)) void this.verify();
      },
      onEnd: (error) => this.end(error),
      window: owner.window && (() => owner.window?.() ?? 0),
      slots: owner.slots,
      wants: owner.wants && (() => owner.wants?.() ?? true),
    });
  }

  release(messages: number, bytes?: number): void {
    this.loop.release(messages, bytes);
  }

  stop(): void {
    this.loop.stop();
  }

  drain(): Promise<void> {
    return this.loop.drain();
  }

  private async verify(): Promise<void> {
    if (this.verifying) return;
    this.verifying = true;
    const gone = await isGone(this.find);
    this.verifying = false;
    if (!gone || this.ended) return;
    const { stream, consumer } = this.from;
    this.end(new ConsumerDeletedError(stream, consumer));
    this.loop.stop();
  }

  private end(error: Error | undefined): void {
    if (this.ended) return;
    this.ended = true;
    this.owner.onEnd(error);
  }
}

/**
 * Whether the server reports that the consumer does not exist, or is a different one. A missing response is not
 * conclusive.
 */
export async function isGone<Found>(
  find: () => Promise<Found>,
  isAnother: (found: Found) => boolean = () => false,
): Promise<boolean> {
  try {
    return isAnother(await find());
  } catch (error) {
    return (
      error instanceof ConsumerNotFoundError ||
      error instanceof StreamNotFoundError ||
      error instanceof NotAPullConsumerError ||
      error instanceof NotAPushConsumerError
    );
  }
}

function mayBeGone(error: Error): boolean {
  return (
    error instanceof NoHeartbeatError || (error instanceof PullRequestRefusedError && error.status === 503)
  );
}
