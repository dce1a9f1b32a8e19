import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { KeyValueEntry, KvWatcher } from '../../key-value/index.js';
import {
  pendingResult,
  settlementError,
  type CompiledHandler,
  type HandlerCompiler,
  type HandlerSource,
} from '../compile/index.js';
import { KvContext } from '../context/index.js';
import type { KvWatchPlan } from '../planning/index.js';
import { InvalidPayloadError } from '../settlement/index.js';
import type { HandlerRunner } from './handler-runner.js';

type Entry = KeyValueEntry<unknown>;

/** How long to wait before an entry whose handling failed is handled again, in milliseconds; then it is given up. */
const RETRY_BACKOFF = [100, 1_000, 5_000];
const RESTART_WAIT = 1_000;

const entrySource: HandlerSource<Entry> = {
  payload: (entry) => {
    try {
      return entry.value ?? null;
    } catch (error) {
      throw new InvalidPayloadError(`the value cannot be decoded: ${(error as Error).message}`, {
        cause: error,
      });
    }
  },
  context: (entry) => new KvContext(entry),
  pattern: ({ key }) => key,
};

/**
 * Runs one `@KvWatch`: hands it entry after entry, again with backoff where it fails, and goes on after the entry when
 * it keeps failing. A watch that ends is taken up again after the last entry handled.
 */
export class KvWatchHandler implements HandlerRunner {
  readonly handler: string;
  private readonly logger = new Logger('KvWatch');
  private readonly handle: CompiledHandler<Entry>;
  private readonly stopped = new AbortController();
  private watcher: KvWatcher<unknown> | undefined;
  private lastRevision = 0;

  constructor(
    private readonly plan: KvWatchPlan,
    compiler: HandlerCompiler,
  ) {
    this.handler = plan.handler;
    this.handle = compiler.compile(plan.definition, entrySource);
  }

  async start(): Promise<void> {
    await this.follow();
    this.logger.log(`${this.handler} watches bucket "${this.plan.definition.metadata.bucket}"`);
  }

  async stop(timeout: number): Promise<void> {
    this.stopped.abort();
    const ended = this.watcher?.stop() ?? Promise.resolve();
    await Promise.race([ended, delay(timeout, undefined, { ref: false })]);
  }

  private async follow(): Promise<void> {
    const { connection, definition } = this.plan;
    const { bucket, options } = definition.metadata;
    const { keys = [], connection: _, ...watch } = options;
    const store = await connection.keyValue.open(bucket);
    // Taken up again, it goes on after what was handled, and no longer from the start.
    const resume =
      this.lastRevision > 0 ? { updatesOnly: false, resumeFromRevision: this.lastRevision + 1 } : {};
    this.watcher = await store.follow(
      keys,
      { ...watch, ...resume },
      {
        onEntry: (entry) => this.onEntry(entry),
        onError: (error) => void this.restart(error),
      },
    );
  }

  private onEntry(entry: Entry): void | Promise<void> {
    try {
      const pending = pendingResult(this.handle(entry));
      if (pending === undefined) {
        this.lastRevision = entry.revision;
        return;
      }
      return this.settle(entry, pending);
    } catch (error) {
      return this.retry(entry, error);
    }
  }

  private async settle(entry: Entry, pending: PromiseLike<unknown>): Promise<void> {
    try {
      await pending;
      this.lastRevision = entry.revision;
    } catch (error) {
      await this.retry(entry, error);
    }
  }

  private async retry(entry: Entry, thrown: unknown): Promise<void> {
    const { signal } = this.stopped;
    let error = settlementError(thrown);
    for (const wait of error instanceof InvalidPayloadError ? [] : RETRY_BACKOFF) {
      this.logger.warn(`${this.name(entry)} failed, to be retried in ${wait} ms: ${text(error)}`);
      await delay(wait, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await this.handle(entry);
        this.lastRevision = entry.revision;
        return;
      } catch (again) {
        error = settlementError(again);
      }
    }
    this.lastRevision = entry.revision;
    this.logger.error(
      `${this.name(entry)} is given up: ${text(error)}`,
      error instanceof Error ? error.stack : undefined,
    );
  }

  private async restart(cause: Error): Promise<void> {
    const { signal } = this.stopped;
    let error = cause;
    while (!signal.aborted) {
      this.logger.error(
        `${this.handler}: the watch ended, to be taken up again in ${RESTART_WAIT} ms: ${error.message}`,
      );
      await delay(RESTART_WAIT, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await this.follow();
        this.logger.log(`${this.handler} watches bucket "${this.plan.definition.metadata.bucket}" again`);
        return;
      } catch (failure) {
        error = failure as Error;
      }
    }
  }

  private name({ bucket, key, revision }: Entry): string {
    return `${this.handler}: the entry "${key}" (bucket ${bucket}, revision ${revision})`;
  }
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
