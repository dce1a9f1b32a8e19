import { setTimeout as delay } from 'node:timers/promises';
import { ConsumerDeletedError, NoHeartbeatError, PullRequestRejectedError } from '../../errors/index.js';
import type { JetStreamApi } from '../api/index.js';
import type { JetStreamMessage } from '../message/index.js';
import { PullLoop, type PullLoopOptions, type PullLoopOwner } from './pull-loop.js';
import type { ReceiveLoop } from './receive-loop.js';
import { toError } from './report.js';

/** What makes and removes the consumers behind an ordered loop. */
export interface OrderedSource {
  readonly stream: string;
  /** How often making a consumer is tried before the loop ends. */
  readonly maxResetAttempts: number;
  /** Makes a consumer that goes on after a sequence of the stream, and resolves with its name. */
  recreate(afterSequence: number): Promise<string>;
  /** Removes the current one, without waiting for it. */
  abandon(): void;
}

const FIRST_RETRY = 1_000;
const LONGEST_RETRY = 10_000;

/**
 * A pull loop that delivers in stream order, without gaps or repeats: after a gap, silence, deletion of its consumer or
 * a reconnect it makes another consumer, which goes on after the last message (ADR-17).
 */
export class OrderedLoop implements ReceiveLoop {
  private readonly stopping = new AbortController();
  private readonly forget: () => void;
  private loop: PullLoop | undefined;
  /** What the owner holds of the current loop, and of those before it. */
  private held = 0;
  private heldBefore = 0;
  private consumerSequence = 0;
  private streamSequence = 0;
  private resetting = false;
  private ended = false;

  constructor(
    private readonly api: JetStreamApi,
    private readonly source: OrderedSource,
    private readonly options: PullLoopOptions,
    private readonly owner: PullLoopOwner,
    consumer: string,
  ) {
    // What was under way when the link broke is lost, and nothing later might show it.
    this.forget = api.connection.listen({ onReconnect: () => void this.reset() });
    this.open(consumer);
  }

  release(messages: number, bytes = 0): void {
    const before = Math.min(messages, this.heldBefore);
    this.heldBefore -= before;
    this.held -= messages - before;
    // Even where none of them were of this loop: its window may have been full with them.
    this.loop?.release(messages - before, before === messages ? 0 : bytes);
  }

  stop(): void {
    this.end(undefined);
  }

  async drain(): Promise<void> {
    await this.loop?.drain();
    this.end(undefined);
  }

  private open(consumer: string): void {
    const { owner, options } = this;
    this.consumerSequence = 0;
    this.loop = new PullLoop(this.api.connection, this.api.requests, this.source.stream, consumer, options, {
      onMessage: (message) => this.receive(message),
      onError: (error) => this.receiveError(error),
      onEnd: (error) => this.loopEnded(error),
      window: owner.window && (() => (owner.window?.() ?? 0) - this.heldBefore),
      slots: owner.slots,
    });
  }

  private receive(message: JetStreamMessage): void {
    if (this.resetting || this.ended) return;
    const { consumerSequence, streamSequence } = message.metadata;
    if (consumerSequence !== this.consumerSequence + 1) return void this.reset();
    this.consumerSequence = consumerSequence;
    this.streamSequence = streamSequence;
    this.held++;
    this.owner.onMessage(message);
  }

  private receiveError(error: Error): void {
    if (this.resetting || this.ended) return;
    this.owner.onError(error);
    const isGone = error instanceof PullRequestRejectedError && error.status === 503;
    if (isGone || error instanceof NoHeartbeatError) void this.reset();
  }

  private loopEnded(error: Error | undefined): void {
    if (this.resetting || this.ended || !error) return;
    if (!(error instanceof ConsumerDeletedError)) return this.end(error);
    this.owner.onError(error);
    void this.reset();
  }

  private async reset(): Promise<void> {
    if (this.resetting || this.ended) return;
    this.resetting = true;
    this.loop?.stop();
    this.source.abandon();
    this.heldBefore += this.held;
    this.held = 0;
    const consumer = await this.recreate();
    this.resetting = false;
    if (consumer === undefined) return;
    if (this.ended) this.source.abandon();
    else this.open(consumer);
  }

  private async recreate(): Promise<string | undefined> {
    const { signal } = this.stopping;
    for (let attempt = 1, wait = FIRST_RETRY; !signal.aborted; attempt++) {
      try {
        return await this.source.recreate(this.streamSequence);
      } catch (thrown) {
        const error = toError(thrown);
        if (signal.aborted) return undefined;
        if (attempt >= this.source.maxResetAttempts) this.end(error);
        else this.owner.onError(error);
      }
      await delay(wait, undefined, { signal }).catch(() => undefined);
      wait = Math.min(wait * 2, LONGEST_RETRY);
    }
    return undefined;
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
