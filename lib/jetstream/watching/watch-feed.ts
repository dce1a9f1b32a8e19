import { RequestTimeoutError } from '../../errors/index.js';
import { untilAborted, within } from '../../timing/index.js';
import { type CallOptions, inSteps, type JetStreamApi } from '../api/index.js';
import type { JetStreamMessage } from '../message/index.js';
import {
  OrderedPush,
  type OrderedPushStart,
  type OrderedPushStarted,
  type StreamOrigin,
} from '../ordered-push/index.js';
import { type FeedEnd, FeedQueue } from './feed-queue.js';
import { InitialDelivery } from './initial-delivery.js';
import { lastSequence } from './last-sequence.js';

/** Marks the end of the initial entries in a feed. */
export const INITIALIZED = Symbol('initialized');

/** Marks a restart of a feed, because its stream was deleted and created again. */
export const RESTARTED = Symbol('restarted');

/** After how many heartbeats without a missing message its consumer is replaced, since its server may never get it. */
const LONGEST_STANDSTILL = 3;

export type FeedItem<E> = E | typeof INITIALIZED | typeof RESTARTED;

/** The messages of a feed, and how they become entries. */
export interface WatchFeedOptions<E> {
  readonly api: JetStreamApi;
  readonly stream: string;
  readonly origin: StreamOrigin;
  /** Whether several servers store the stream, so that the delivering one may be behind its leader. */
  readonly replicated: boolean;
  /** The filters for subjects; several need nats-server 2.10. */
  readonly subjects: readonly string[];
  /** The first message; with `new`, there are no initial entries. */
  readonly start: OrderedPushStart;
  /** Delivers headers without payloads. Default `false`. */
  readonly headersOnly?: boolean | undefined;
  /** How long to wait for a stream that is missing after an interruption, in milliseconds. Default 0. */
  readonly missingStreamPatience?: number | undefined;
  /** How often the server sends a heartbeat, in milliseconds. Default 5,000. */
  readonly heartbeat?: number | undefined;
  /** The prefix of the names of the consumers. */
  readonly namePrefix: string;
  /**
   * Whether every entry before the end of the initial delivery is initial, including those stored after the watch began.
   * Default: only as many as the server announced.
   */
  readonly initialUntilEnd?: boolean | undefined;
  /** Returns the entry of a message, or `undefined` to skip it. It must not throw. */
  readonly read: (message: JetStreamMessage, sequence: number, initial: boolean) => E | undefined;
  /** Called when the stream was deleted and created again. */
  readonly onRestart: () => void;
  /** Returns the error that the reader receives for an error of the delivery. */
  readonly errorFor: (error: unknown) => Error;
}

/**
 * The entries of a Key-Value or Object Store bucket as a queue: the server adds to it, and the reader takes from it at
 * its own pace.
 *
 * It continues automatically after reconnects and server restarts, without gaps or repeats. A bucket that was deleted
 * and created again is watched from its start.
 */
export class WatchFeed<E> {
  /** Called when no items are queued and the server has nothing to send: all changes up to this sequence were taken. */
  onIdle: (sequence: number) => void = () => undefined;
  private readonly push: OrderedPush;
  private readonly queue = new FeedQueue<FeedItem<E>>({
    pause: () => this.push.pause(),
    resume: () => this.push.resume(),
  });
  private readonly updatesOnly: boolean;
  private complete = false;
  private initial: InitialDelivery;
  private signs = 0;
  /** The last initial message according to the stream's leader; the delivering server may not have it yet. */
  private lastInitial = 0;
  /** The last sequence of a delivery that lacks messages of the leader, and the number of heartbeats since then. */
  private stuckAt = { sequence: -1, heartbeats: 0 };

  constructor(private readonly options: WatchFeedOptions<E>) {
    const { subjects, start } = options;
    this.updatesOnly = 'policy' in start && start.policy === 'new';
    const resumes = 'startSequence' in start;
    this.initial = this.initialDelivery(!resumes);
    this.push = new OrderedPush(
      options.api,
      {
        stream: options.stream,
        origin: options.origin,
        filterSubjects: subjects,
        start,
        verifyStart: resumes,
        missingStreamPatience: options.missingStreamPatience,
        headersOnly: options.headersOnly,
        namePrefix: options.namePrefix,
        heartbeat: options.heartbeat,
      },
      {
        onMessage: (message, sequence) => this.receive(message, sequence),
        onStart: (started) => this.started(started),
        onIdle: (sequence) => this.idle(sequence),
        onError: (error) => this.close(error),
      },
    );
  }

  /**
   * Waits until the consumer is created.
   *
   * @throws the errors of creating the consumer, as returned by `errorFor`; the reason of the signal
   */
  start(options: CallOptions = {}): Promise<void> {
    return inSteps(options, async (left) => {
      try {
        if (this.options.replicated && !this.updatesOnly) await this.findLastInitial(left);
        await this.push.start(left);
      } catch (error) {
        throw this.options.errorFor(error);
      }
    });
  }

  /** Called when an item is available, or the feed has ended. Set before `start`. */
  set onReady(listener: () => void) {
    this.queue.onReady = listener;
  }

  /** The next item, without taking it. */
  peek(): FeedItem<E> | undefined {
    return this.queue.peek();
  }

  /** Takes the next item; `undefined` if there is none yet or the feed has ended. */
  take(): FeedItem<E> | undefined {
    return this.queue.take();
  }

  /** How many messages the server had still to deliver after the last one that was received. */
  get pending(): number {
    const { pending } = this.push;
    // Nothing was received yet.
    return Number.isNaN(pending) ? 0 : pending;
  }

  /** Set when no items will follow the queued ones; with the reason, unless the feed was stopped or drained. */
  get ended(): FeedEnd | undefined {
    return this.queue.ended;
  }

  /** Whether all initial entries have arrived. */
  get initialized(): boolean {
    return this.complete;
  }

  /**
   * Waits for a promise that this feed fulfills, as long as the server sends messages or heartbeats.
   *
   * @param options.timeout the longest silence, in milliseconds. Default: the connection's timeout
   * @throws {@link RequestTimeoutError} after a longer silence; the reason of the signal; the error of the promise
   */
  async patiently(promise: Promise<unknown>, { timeout, signal }: CallOptions = {}): Promise<void> {
    const longest = timeout ?? this.options.api.connection.timeout;
    for (;;) {
      const { signs } = this;
      if (await untilAborted(signal, within(longest, promise))) return void (await promise);
      if (signs === this.signs) throw this.silent(longest);
    }
  }

  /** The error for a server that has not sent what the reader waits for. */
  silent(timeout: number): RequestTimeoutError {
    return new RequestTimeoutError(this.options.subjects.join(','), timeout);
  }

  /** Ends the feed and discards the queue. */
  stop(): void {
    this.queue.clear();
    this.close(undefined);
  }

  /** Ends the feed; the queued items can still be taken. */
  drain(): void {
    this.close(undefined);
  }

  private initialDelivery(allSubjects: boolean): InitialDelivery {
    const delivery: InitialDelivery = new InitialDelivery(
      this.options,
      allSubjects,
      // If a replica is behind, each subject may have been delivered with a message that the leader has replaced; the
      // end is then determined by later deliveries.
      (sequence) => {
        if (delivery === this.initial && this.isUpTo(sequence)) this.initialize();
      },
    );
    return delivery;
  }

  private started({ pending, restarted }: OrderedPushStarted): void {
    this.signs++;
    if (restarted) this.restart();
    if (this.updatesOnly) this.initialize();
    else if (!this.complete) this.initial.started(pending);
  }

  private restart(): void {
    this.options.onRestart();
    this.queue.add(RESTARTED);
    this.complete = false;
    this.initial.stop();
    this.initial = this.initialDelivery(true);
    this.lastInitial = 0;
    if (this.options.replicated && !this.updatesOnly) {
      // No heartbeat ends the initial delivery before the leader has reported how far it goes.
      this.lastInitial = Infinity;
      void this.findLastInitial().catch(() => undefined);
    }
  }

  private receive(message: JetStreamMessage, sequence: number): void {
    const { complete, initial } = this;
    this.signs++;
    const isInitial =
      !complete &&
      (this.options.initialUntilEnd === true || initial.isInitial || sequence <= this.lastInitial);
    const entry = this.options.read(message, sequence, isInitial);
    if (entry !== undefined) this.queue.add(entry);
    if (complete) return;
    const isEnd = initial.delivered(message.subject, { sequence, pending: this.push.pending });
    if (isEnd && this.isUpTo(sequence)) this.initialize();
  }

  private idle(sequence: number): void {
    this.signs++;
    if (this.complete || this.isUpTo(sequence)) this.initialize();
    else void this.recheck(sequence);
    if (this.queue.isEmpty) this.onIdle(sequence);
  }

  /** Whether a server that has delivered up to this sequence has delivered all initial messages. */
  private isUpTo(sequence: number): boolean {
    return sequence >= this.lastInitial;
  }

  private async findLastInitial(options: CallOptions = {}): Promise<void> {
    const { start } = this.options;
    const last = await this.lastOfLeader(options);
    this.lastInitial = 'startSequence' in start && last < start.startSequence ? 0 : last;
  }

  /**
   * The last initial message may have been removed before it reached the delivering server; then there is no message
   * to wait for.
   */
  private async recheck(sequence: number): Promise<void> {
    // A failure is retried with the next heartbeat.
    const last = await this.lastOfLeader().catch(() => this.lastInitial);
    if (last <= sequence) this.initialize();
    else if (!this.complete && sequence === this.stuckAt.sequence) this.stuck();
    else this.stuckAt = { sequence, heartbeats: 1 };
  }

  /** The delivering server has nothing more, and lacks messages that the leader has: another one may have them. */
  private stuck(): void {
    if (++this.stuckAt.heartbeats < LONGEST_STANDSTILL) return;
    this.stuckAt.heartbeats = 0;
    this.push.moveOn();
  }

  /** 0 if the client may not ask: then the count of the delivering server is used. */
  private async lastOfLeader(options: CallOptions = {}): Promise<number> {
    const { api, stream, subjects } = this.options;
    return (await lastSequence(api, stream, subjects, options)) ?? 0;
  }

  private initialize(): void {
    if (this.complete) return;
    this.complete = true;
    this.initial.stop();
    this.queue.add(INITIALIZED);
  }

  private close(error: Error | undefined): void {
    if (this.queue.ended) return;
    this.initial.stop();
    this.push.stop();
    this.queue.close(error && this.options.errorFor(error));
  }
}

/**
 * Reads the initial entries of a started feed and stops it, also when the loop is left early.
 *
 * @param options.timeout the longest silence of the server, in milliseconds. Default: the connection's timeout
 * @throws {@link RequestTimeoutError} if nothing, not even a heartbeat, arrives from the server for longer; the reason
 * of the signal; and the errors of the feed
 */
export async function* initialEntries<E>(
  feed: WatchFeed<E>,
  options?: CallOptions,
): AsyncGenerator<E, void, undefined> {
  let wake = (): void => undefined;
  feed.onReady = () => wake();
  try {
    for (let item = feed.take(); item !== INITIALIZED; item = feed.take()) {
      if (item === undefined) {
        if (feed.ended?.error) throw feed.ended.error;
        await feed.patiently(new Promise<void>((resolve) => (wake = resolve)), options);
      } else if (item !== RESTARTED) {
        yield item;
      }
    }
  } finally {
    feed.stop();
  }
}
