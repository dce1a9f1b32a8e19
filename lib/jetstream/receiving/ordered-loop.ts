import {
  ConnectionClosedError,
  ConsumerDeletedError,
  NoHeartbeatError,
  PullRequestRefusedError,
  StreamNotFoundError,
  StreamReplacedError,
} from '../../errors/index.js';
import { toError } from '../../reporting/index.js';
import { Backoff, sleep } from '../../timing/index.js';
import type { JetStreamApi } from '../api/index.js';
import type { JetStreamMessage } from '../message/index.js';
import { PullLoop, type PullLoopOptions } from './pull-loop.js';
import type { LoopOwner, ReceiveLoop } from './receive-loop.js';

/** Creates and removes the consumers of an ordered loop, and tracks its position in the stream. */
export interface OrderedSource {
  readonly stream: string;
  /** The maximum number of attempts to create a consumer before the loop ends. */
  readonly maxResetAttempts: number;
  /** Called when the message with this sequence was delivered. */
  delivered(sequence: number): void;
  /** Creates a consumer that continues after the last delivered message. */
  recreate(): Promise<RecreatedConsumer>;
  /** Removes the current consumer, without waiting. */
  abandon(): void;
}

/** A consumer that replaced another one. */
export interface RecreatedConsumer {
  readonly name: string;
  /** Whether the stream was created again, so that the position was discarded. */
  readonly restarted: boolean;
}

const RETRY = { first: 250, longest: 10_000 };

/**
 * A pull loop that delivers in stream order, without gaps or repeats: after a gap, silence, deletion of its consumer or
 * a reconnect, it creates another consumer, which continues after the last message (ADR-17). If the stream was deleted
 * and created again in the meantime, delivery starts from the beginning with all messages of the new stream.
 */
export class OrderedLoop implements ReceiveLoop {
  private readonly stopping = new AbortController();
  private readonly forget: () => void;
  private readonly backoff = new Backoff(RETRY);
  private loop: PullLoop | undefined;
  /** The number of messages that the owner holds from the current loop and from earlier ones. */
  private held = 0;
  private heldBefore = 0;
  private consumerSequence = 0;
  private resetting = false;
  private lost = false;
  private ended = false;

  constructor(
    private readonly api: JetStreamApi,
    private readonly source: OrderedSource,
    private readonly options: PullLoopOptions,
    private readonly owner: LoopOwner,
    consumer: string,
  ) {
    const { connection } = api;
    this.forget = connection.listen({
      // Messages that were in flight when the link was lost are gone, and later messages might not reveal the gap.
      onReconnect: () => void this.reset(),
      onClose: (cause) => this.end(new ConnectionClosedError(connection.name, { cause })),
    });
    this.open(consumer);
  }

  release(messages: number, bytes = 0): void {
    const before = Math.min(messages, this.heldBefore);
    this.heldBefore -= before;
    this.held -= messages - before;
    // This is necessary even if none of them belongs to the current loop: its window may have been full because of
    // them.
    this.loop?.release(messages - before, before === messages ? 0 : bytes);
  }

  stop(): void {
    this.end(undefined);
  }

  async drain(): Promise<void> {
    if (!this.resetting) await this.loop?.drain();
    this.end(undefined);
  }

  private open(consumer: string): void {
    const { owner, options } = this;
    this.consumerSequence = 0;
    this.backoff.succeeded();
    this.loop = new PullLoop(this.api.connection, this.api.requests, this.source.stream, consumer, options, {
      onMessage: (message) => this.receive(message),
      onError: (error) => this.receiveError(error),
      onEnd: (error) => this.loopEnded(error),
      window: owner.window && (() => (owner.window?.() ?? 0) - this.heldBefore),
      slots: owner.slots,
      wants: owner.wants && (() => owner.wants?.() ?? true),
    });
  }

  private receive(message: JetStreamMessage): void {
    if (this.resetting || this.ended) return;
    const { consumerSequence, streamSequence } = message.metadata;
    if (consumerSequence !== this.consumerSequence + 1) return void this.reset();
    this.consumerSequence = consumerSequence;
    this.source.delivered(streamSequence);
    this.held++;
    this.owner.onMessage(message);
  }

  private receiveError(error: Error): void {
    if (this.resetting || this.ended) return;
    this.owner.onError(error);
    const isGone = error instanceof PullRequestRefusedError && error.status === 503;
    if (isGone || error instanceof NoHeartbeatError) void this.reset();
  }

  private loopEnded(error: Error | undefined): void {
    if (this.resetting || this.ended || !error) return;
    if (!(error instanceof ConsumerDeletedError)) return this.end(error);
    this.reportLost(error);
    void this.reset();
  }

  private async reset(): Promise<void> {
    if (this.resetting || this.ended) return;
    this.resetting = true;
    this.loop?.stop();
    this.source.abandon();
    this.heldBefore += this.held;
    this.held = 0;
    const recreated = await this.recreate();
    this.resetting = false;
    if (recreated === undefined) return;
    if (this.ended) return this.source.abandon();
    if (recreated.restarted) this.reportLost(new StreamReplacedError(this.source.stream));
    this.open(recreated.name);
    this.reportRecovered();
  }

  private async recreate(): Promise<RecreatedConsumer | undefined> {
    const { signal } = this.stopping;
    for (let attempt = 1; ; attempt++) {
      const wait = this.backoff.next();
      // The first attempt after a while is made immediately.
      if (this.backoff.attempts > 1) await sleep(wait, signal);
      if (signal.aborted) return undefined;
      try {
        return await this.source.recreate();
      } catch (thrown) {
        if (this.ended) return undefined;
        const error = toError(thrown);
        if (error instanceof ConnectionClosedError || attempt >= this.source.maxResetAttempts)
          this.end(error);
        else if (error instanceof StreamNotFoundError) this.reportLost(error);
        else this.owner.onError(error);
      }
    }
  }

  /** Reports each loss once. */
  private reportLost(error: Error): void {
    if (this.lost) return;
    this.lost = true;
    if (this.owner.onLost) this.owner.onLost(error);
    else this.owner.onError(error);
  }

  private reportRecovered(): void {
    if (!this.lost) return;
    this.lost = false;
    this.owner.onRecovered?.();
  }

  private end(error: Error | undefined): void {
    if (this.ended) return;
    this.ended = true;
    this.stopping.abort();
    this.forget();
    this.loop?.stop();
    this.source.abandon();
    this.owner.onEnd(error);
  }
}
