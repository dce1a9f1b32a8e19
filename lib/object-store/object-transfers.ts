import { Logger } from '@nestjs/common';
import { BucketNotFoundError, ConnectionClosedError } from '../errors/index.js';
import type { JetStreamConnection } from '../connection/index.js';
import { errorText, printable } from '../reporting/index.js';
import { Backoff, Deadline, sleep, within } from '../timing/index.js';
import type { ObjectCatalog } from './object-catalog.js';

/** A put in progress. */
export interface RunningPut {
  /** Whether its source may still have more content, so that its end is unknown. */
  readonly reading: boolean;
  abort(reason: unknown): void;
}

/** Chunks for which it is unknown whether their description was stored. */
export interface ChunksInDoubt {
  readonly catalog: ObjectCatalog;
  /** The name of the object. */
  readonly name: string;
  /** The id of the chunks. */
  readonly id: string;
  /** The id of the chunks that the description replaces if it is stored. */
  readonly replaced: string | undefined;
  /** Whether any description of the bucket refers to an id. */
  readonly isNamed: (id: string) => Promise<boolean>;
}

/**
 * The work in progress of the object stores of one connection: puts, and chunks that no description refers to any more.
 *
 * Removing such chunks is retried until it succeeds. Callers wait only as long as the server responds: chunks that
 * cannot be removed now, because the server is unresponsive or elects a leader, are removed in the background.
 */
export class ObjectTransfers {
  private readonly puts = new Map<RunningPut, Promise<unknown>>();
  private readonly tasks = new Set<Promise<unknown>>();
  private readonly ended = new AbortController();
  private closed = false;
  private listening = false;

  constructor(private readonly connection: JetStreamConnection) {}

  /**
   * Runs a put.
   *
   * @throws {@link ConnectionClosedError} after `close`
   */
  async run<T>(put: RunningPut, steps: () => Promise<T>): Promise<T> {
    if (this.closed) throw new ConnectionClosedError(this.connection.name);
    const running = steps();
    this.puts.set(put, running);
    try {
      return await running;
    } finally {
      this.puts.delete(put);
    }
  }

  /** Continues work in the background that its caller does not wait for. It must not reject. */
  background(task: Promise<unknown>): void {
    this.listen();
    this.tasks.add(task);
    void task.finally(() => this.tasks.delete(task));
  }

  /**
   * Removes the chunks of a version that no description refers to any more. Never rejects. It resolves when they are
   * removed, or when the server does not respond: it then continues in the background.
   */
  async remove(catalog: ObjectCatalog, id: string): Promise<void> {
    const removal = this.purge(catalog, id);
    this.background(removal);
    await within(SILENCE, removal);
  }

  /** Removes chunks until that succeeds. Never rejects. @returns whether it succeeded */
  purge(catalog: ObjectCatalog, id: string): Promise<boolean> {
    return this.persist(catalog, id, () => catalog.purge(catalog.names.chunks(id)));
  }

  /**
   * Determines whether a description was stored after all, and then removes the chunks that it replaced, or its own.
   * Chunks that a stored description refers to are never removed.
   */
  settle(doubt: ChunksInDoubt): void {
    const { catalog, id } = doubt;
    this.background(this.persist(catalog, id, () => this.decide(doubt)));
  }

  /** Removes chunks in the background, unless a description refers to them after all. */
  removeUnnamed(catalog: ObjectCatalog, id: string, isNamed: (id: string) => Promise<boolean>): void {
    this.background(
      this.persist(catalog, id, async () => {
        // A message sent earlier may be stored after the first check, because the server processes requests and
        // messages independently.
        await sleep(PAUSE_BETWEEN_LOOKS, this.ended.signal, { keepsAlive: false });
        if (!(await isNamed(id))) await catalog.purge(catalog.names.chunks(id));
      }),
    );
  }

  /**
   * Ends the puts in progress before the connection is closed: puts that have all of their content may complete, the
   * others are aborted and their chunks are removed, as far as the time allows.
   *
   * @param timeout in milliseconds
   */
  async close(timeout: number): Promise<void> {
    this.closed = true;
    const deadline = new Deadline(timeout);
    this.abort((put) => put.reading);
    await within(deadline.left * FINISHING_SHARE, Promise.allSettled(this.puts.values()));
    this.abort(() => true);
    await deadline.wait(Promise.allSettled(this.puts.values()));
    await deadline.wait(Promise.allSettled(this.tasks));
    this.ended.abort();
  }

  private abort(which: (put: RunningPut) => boolean): void {
    for (const put of this.puts.keys()) {
      if (which(put)) put.abort(new ConnectionClosedError(this.connection.name));
    }
  }

  private async decide({ catalog, name, id, replaced, isNamed }: ChunksInDoubt): Promise<void> {
    // A message sent earlier may be stored after the first check, because the server processes requests and messages
    // independently.
    for (let looks = 0; looks < LOOKS; looks++) {
      await sleep(looks * PAUSE_BETWEEN_LOOKS, this.ended.signal, { keepsAlive: false });
      const stored = await catalog.find(name);
      if (stored?.info.nuid !== id) continue;
      if (replaced !== undefined && !(await isNamed(replaced)))
        await catalog.purge(catalog.names.chunks(replaced));
      return;
    }
    // Another client may have renamed the object in the meantime.
    if (!(await isNamed(id))) await catalog.purge(catalog.names.chunks(id));
  }

  private async persist(catalog: ObjectCatalog, id: string, act: () => Promise<void>): Promise<boolean> {
    const { signal } = this.ended;
    const backoff = new Backoff(PAUSES);
    let failure: unknown;
    while (!signal.aborted && backoff.attempts < ATTEMPTS) {
      try {
        await act();
        return true;
      } catch (error) {
        if (error instanceof BucketNotFoundError) return true;
        failure = error;
        if (error instanceof ConnectionClosedError) break;
        await sleep(backoff.next(), signal, { keepsAlive: false });
      }
    }
    const subject = printable(catalog.names.chunks(id));
    logger.warn(
      `Chunks that no object uses remain in bucket "${catalog.names.bucket}". Purge "${subject}" of stream ` +
        `"${catalog.names.stream}" to remove them. The reason: ${errorText(failure ?? 'the application is shutting down')}`,
    );
    return false;
  }

  private listen(): void {
    if (this.listening) return;
    this.listening = true;
    this.connection.listen({ onClose: () => this.ended.abort() });
  }
}

const logger = new Logger('ObjectStore');
/** How long a server may be silent before callers stop waiting, in milliseconds. */
export const SILENCE = 500;
const PAUSES = { first: 500, longest: 60_000 };
/** They take about a quarter of an hour. */
const ATTEMPTS = 20;
const LOOKS = 3;
const PAUSE_BETWEEN_LOOKS = 3_000;
/** The share of the closing time in which puts may complete; the rest is for removing chunks. */
const FINISHING_SHARE = 0.6;
