import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { CompiledHandler } from '../compile/index.js';
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

const RESTART_WAIT = 1_000;

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
  private lastRevision: number | undefined;
  private current: Promise<void> | undefined;

  constructor(
    private readonly source: WatchSource<Entry>,
    handler: CompiledHandler<Entry>,
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
    await this.follow();
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
    if (this.status === 'paused') await this.follow();
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

  private async follow(): Promise<void> {
    this.aborted = new AbortController();
    const { signal } = this.aborted;
    this.watch = await this.source.open(
      {
        onEntry: (entry) => this.onEntry(entry),
        onError: (error) => void this.recover(error, signal),
      },
      this.lastRevision,
    );
    this.status = 'running';
  }

  private onEntry(entry: Entry): void | Promise<void> {
    const handling = this.entries.handle(entry);
    if (handling === undefined) {
      this.lastRevision = this.source.revisionOf(entry);
      return;
    }
    this.current = handling.then(() => {
      this.lastRevision = this.source.revisionOf(entry);
    });
    return this.current;
  }

  private async recover(cause: Error, signal: AbortSignal): Promise<void> {
    const { handler, bucket } = this.source;
    let error = cause;
    while (!signal.aborted) {
      this.status = 'recovering';
      this.logger.error(
        `${handler}: the watch ended, to be taken up again in ${RESTART_WAIT} ms: ${error.message}`,
      );
      await delay(RESTART_WAIT, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await this.follow();
        this.logger.log(`${handler} watches bucket "${bucket}" again`);
        return;
      } catch (failure) {
        error = failure as Error;
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
