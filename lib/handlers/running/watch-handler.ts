import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { ConnectionClosedError } from '../../errors/index.js';
import type { CompiledHandler } from '../compile/index.js';
import type { JetStreamEvents } from '../events/index.js';
import { EntryRunner } from './entry-runner.js';
import type { HandlerRunner, HandlerState, HandlerStatus } from './handler-runner.js';
import { within } from './within.js';

/** What a {@link WatchHandler} follows. */
export interface WatchSource<Entry> {
  readonly kind: 'kv-watch' | 'object-watch';
  /** Class and method. */
  readonly handler: string;
  /** The name of the connection. */
  readonly connection: string;
  readonly bucket: string;
  /** When the bucket was made: revisions of another one under its name mean nothing. */
  created(): Promise<Date>;
  /** Opens the watch, after the entry given by its revision where there is one. */
  open(owner: WatchOwner<Entry>, after: number | undefined): Promise<Watch>;
  /** The sequence of an entry in the bucket. */
  revisionOf(entry: Entry): number;
  /** The key or name of an entry. */
  nameOf(entry: Entry): string;
}

export interface WatchOwner<Entry> {
  onEntry(entry: Entry): void | Promise<void>;
  onError(error: Error): void;
}

/** An open watch. */
export interface Watch {
  /** Ends it; resolves when the entry in hand is handled. */
  stop(): Promise<void>;
}

const FIRST_RETRY = 1_000;
const LONGEST_RETRY = 30_000;

/**
 * Runs one `@KvWatch` or `@ObjectWatch`: hands over entry after entry. A watch that ends is taken up again after the
 * last entry handled.
 */
export class WatchHandler<Entry> implements HandlerRunner {
  private readonly logger: Logger;
  private readonly entries: EntryRunner<Entry>;
  private status: HandlerStatus = 'starting';
  private aborted = new AbortController();
  private watch: Watch | undefined;
  private bucketCreated = 0;
  private lastRevision: number | undefined;
  private current: Promise<void> | undefined;

  constructor(
    private readonly source: WatchSource<Entry>,
    handler: CompiledHandler<Entry>,
    private readonly events: JetStreamEvents,
  ) {
    this.logger = new Logger(source.kind === 'kv-watch' ? 'KvWatch' : 'ObjectWatch');
    this.entries = new EntryRunner(handler, {
      onRetry: (entry, error, wait) =>
        this.logger.warn(`${this.name(entry)} failed, to be retried in ${wait} ms: ${text(error)}`),
      onGivenUp: (entry, error) =>
        this.logger.error(
          `${this.name(entry)} is given up: ${text(error)}`,
          error instanceof Error ? error.stack : undefined,
        ),
    });
  }

  get state(): HandlerState {
    const { kind, handler, connection, bucket } = this.source;
    const { handled, failed, running } = this.entries;
    const { status } = this;
    return {
      handler,
      kind,
      connection,
      source: bucket,
      status,
      handled,
      failed,
      running,
      waiting: 0,
      circuitOpen: false,
    };
  }

  async prepare(): Promise<() => void> {
    this.entries.start();
    await this.begin();
    this.logger.log(`${this.source.handler} watches bucket "${this.source.bucket}"`);
    return () => undefined;
  }

  async pause(): Promise<void> {
    if (this.status !== 'running' && this.status !== 'recovering') return;
    this.status = 'paused';
    this.aborted.abort();
    void this.watch?.stop();
  }

  async resume(): Promise<void> {
    if (this.status === 'paused') await this.begin();
  }

  async idle(): Promise<void> {
    await this.current;
  }

  async stop(timeout: number): Promise<void> {
    this.status = 'stopped';
    this.aborted.abort();
    this.entries.stop();
    await within(timeout, this.watch?.stop() ?? Promise.resolve());
  }

  private begin(): Promise<void> {
    this.aborted = new AbortController();
    return this.follow(this.aborted.signal);
  }

  private async follow(signal: AbortSignal): Promise<void> {
    const created = (await this.source.created()).getTime();
    if (created !== this.bucketCreated) this.lastRevision = undefined;
    this.bucketCreated = created;
    const watch = await this.source.open(
      {
        onEntry: (entry) => this.onEntry(entry),
        onError: (error) => void this.recover(error, signal),
      },
      this.lastRevision,
    );
    // Stopped meanwhile.
    if (signal.aborted) return watch.stop();
    this.watch = watch;
    this.status = 'running';
  }

  private onEntry(entry: Entry): void | Promise<void> {
    const handling = this.entries.handle(entry);
    if (typeof handling === 'boolean') return this.handled(entry, handling);
    this.current = handling.then((isThrough) => this.handled(entry, isThrough));
    return this.current;
  }

  private handled(entry: Entry, isThrough: boolean): void {
    if (isThrough) this.lastRevision = this.source.revisionOf(entry);
  }

  private async recover(cause: Error, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { handler, bucket, connection } = this.source;
    const about = (): Pick<HandlerState, 'connection' | 'handler' | 'source'> & { time: Date } => ({
      connection,
      handler,
      source: bucket,
      time: new Date(),
    });
    this.status = 'recovering';
    this.logger.error(`${handler}: the watch of bucket "${bucket}" ended: ${cause.message}`);
    // The connection is gone for good: nothing can be taken up again.
    if (cause instanceof ConnectionClosedError) return;
    this.events.emit({ type: 'consumer-lost', ...about(), error: cause });
    for (let wait = FIRST_RETRY; ; wait = Math.min(wait * 2, LONGEST_RETRY)) {
      await delay(wait, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await this.follow(signal);
        if (signal.aborted) return;
        this.logger.log(`${handler} watches bucket "${bucket}" again`);
        this.events.emit({ type: 'consumer-recovered', ...about() });
        return;
      } catch (failure) {
        if (failure instanceof ConnectionClosedError) return;
        const words = failure instanceof Error ? failure.message : String(failure);
        this.logger.warn(
          `${handler}: no watch yet, next try in ${Math.min(wait * 2, LONGEST_RETRY)} ms: ${words}`,
        );
      }
    }
  }

  private name(entry: Entry): string {
    const { handler, bucket } = this.source;
    const [what, revision] = [this.source.nameOf(entry), this.source.revisionOf(entry)];
    return `${handler}: the entry "${what}" (bucket ${bucket}, revision ${revision})`;
  }
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
