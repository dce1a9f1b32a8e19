import { Logger } from '@nestjs/common';
import type { Subscription } from '@nats-io/transport-node';
import {
  isTransient,
  JetStreamNotEnabledError,
  NoRespondersError,
  StreamNotFoundError,
} from '../../errors/index.js';
import { errorText } from '../../reporting/index.js';
import { Deadline, retry } from '../../timing/index.js';
import type { JetStreamService } from '../jetstream.service.js';

/** A stream or bucket that the application declares, or that this library declares for it, and that may be created. */
export interface DeclaredResource {
  readonly kind: 'stream' | 'key-value' | 'object-store';
  /** The name of the stream or bucket. */
  readonly name: string;
  /** The name of the stream behind it. */
  readonly stream: string;
  /** Whether it is also created again after it was deleted while the server was running. */
  readonly recreate: boolean;
  create(): Promise<unknown>;
  /**
   * Adds what another application has removed because it updated the stream at the same time. Called after each update
   * of the stream, for a short time after the declaration was applied. Default: nothing can be removed.
   */
  readonly repair?: (() => Promise<unknown>) | undefined;
}

/** A resource that is watched, with others of the same stream that are merged with it. */
interface WatchedResource {
  readonly all: readonly DeclaredResource[];
  /** Until when updates of other applications are repaired: a time of `performance.now()`. */
  readonly repairUntil: number;
}

/** Why a resource may be missing, for the log. */
type MissingReason = 'deleted' | 'lost in a restart of the server';

/** The server's advisories about created and deleted streams. */
const ADVISORIES = '$JS.EVENT.ADVISORY.STREAM.*.*';
/** The backoff between attempts, in milliseconds. */
const BACKOFF = { first: 250, longest: 30_000 };
/**
 * For how long updates of other applications are repaired, in milliseconds: longer than the time between the moment when
 * an application reads a stream and the moment when its update arrives. Later, a client removes something on purpose.
 */
const REPAIR_FOR = 30_000;
/**
 * For how long a resource that was reported as deleted is looked at while it still exists, and the waits between, in milliseconds.
 * The report and the answer may come from different servers of a cluster, so the report may come before the deletion is visible.
 */
const LOOK_FOR = 10_000;
const LOOKS = { first: 100, longest: 2_000 };
/** Thrown to look at a resource again. */
const STILL_THERE = new Error('it still exists');
const KINDS = { stream: 'Stream', 'key-value': 'Key-Value bucket', 'object-store': 'Object Store bucket' };

/**
 * Creates declared streams and buckets again that were lost in a restart of the server: those in memory, or all of them
 * if its disk was lost. Resources that were deleted while the server was running stay deleted, unless their declaration
 * sets `recreate`.
 *
 * A cluster preserves its list of streams, so a resource that is missing after a reconnect to a cluster was deleted.
 */
export class DeclaredResources {
  private readonly logger = new Logger('JetStreamProvisioning');
  private readonly resources = new Map<string, WatchedResource>();
  /** The streams that this application must not create. */
  private readonly foreign = new Set<string>();
  private readonly deleted = new Set<string>();
  /** The streams that are checked now, and why they have to be checked again afterwards. */
  private readonly checking = new Map<string, { again: MissingReason | undefined }>();
  /** The streams that are repaired now, and whether they were updated again since the repair began. */
  private readonly repairing = new Map<string, { again: boolean }>();
  private readonly closed = new AbortController();
  private readonly listeners: ((resource: DeclaredResource) => void)[] = [];
  private subscription: Subscription | undefined;
  private stopListening: (() => void) | undefined;
  private serverId: string | undefined;

  constructor(private readonly jetstream: JetStreamService) {}

  /**
   * Watches an existing resource from now on. The first declaration of a stream or bucket applies, unless declarations
   * are merged: then all of them do.
   */
  add(resource: DeclaredResource): void {
    const { stream, repair } = resource;
    const known = this.resources.get(stream)?.all ?? [];
    if (this.closed.signal.aborted || this.foreign.has(stream)) return;
    if (known.length > 0 && repair === undefined) return;
    this.watch(stream, [...known, resource]);
    this.listenToServer();
    // An update may have come before the server knew the subscription.
    void this.repair(stream);
  }

  /** Excludes a stream that others own: it is not created again, even if this library also needs it for handlers. */
  leave(stream: string): void {
    this.foreign.add(stream);
  }

  /** Sets the declarations of a stream, which were applied just now. */
  private watch(stream: string, all: readonly DeclaredResource[]): void {
    const isRepaired = all.some(({ repair }) => repair !== undefined);
    this.resources.set(stream, { all, repairUntil: isRepaired ? performance.now() + REPAIR_FOR : 0 });
  }

  private listenToServer(): void {
    if (this.stopListening) return;
    const { connection } = this.jetstream;
    this.serverId = connection.nc.info?.server_id;
    this.stopListening = connection.listen({
      onReconnect: () => this.onReconnect(),
      onClose: () => this.close(),
    });
    // Without the permission to receive deletions, resources that are missing after a restart count as lost.
    this.subscription = connection.wire.subscribe(ADVISORIES, {
      callback: (error, message) => {
        if (!error) this.onAdvisory(message.subject);
      },
    });
  }

  /** The streams behind the resources. */
  get streams(): readonly string[] {
    return [...this.resources.keys()];
  }

  /** Adds a listener, which is called for each resource that was created again. */
  listen(listener: (resource: DeclaredResource) => void): void {
    this.listeners.push(listener);
  }

  close(): void {
    this.closed.abort();
    this.stopListening?.();
    this.subscription?.unsubscribe();
    this.subscription = undefined;
  }

  private onAdvisory(subject: string): void {
    const [action, stream] = subject.split('.').slice(-2);
    const watched = this.resources.get(stream);
    if (!watched) return;
    if (action === 'CREATED') this.deleted.delete(stream);
    if (action === 'UPDATED') void this.repair(stream);
    if (action !== 'DELETED') return;
    this.deleted.add(stream);
    if (watched.all[0].recreate) void this.check(stream, 'deleted');
  }

  private onReconnect(): void {
    const { info } = this.jetstream.connection.nc;
    const isOther = info?.server_id !== this.serverId;
    this.serverId = info?.server_id;
    const restarted = isOther && info?.cluster === undefined;
    for (const [stream, { all }] of this.resources) {
      const lost = restarted && !this.deleted.has(stream);
      if (lost || all[0].recreate)
        void this.check(stream, lost ? 'lost in a restart of the server' : 'deleted');
      void this.repair(stream);
    }
  }

  /** Repairs a stream after updates, until one repair was not overtaken by another update. Never rejects. */
  private async repair(stream: string): Promise<void> {
    const { all = [], repairUntil = 0 } = this.resources.get(stream) ?? {};
    if (performance.now() > repairUntil || this.closed.signal.aborted) return;
    const running = this.repairing.get(stream);
    if (running) {
      running.again = true;
      return;
    }
    const repairs = { again: true };
    this.repairing.set(stream, repairs);
    try {
      while (repairs.again) {
        repairs.again = false;
        await retry(() => repairAll(all), { ...BACKOFF, retryable: mayPass, signal: this.closed.signal });
      }
    } catch (error) {
      if (!this.closed.signal.aborted)
        this.logger.warn(
          `Stream "${stream}": could not check its subjects after an update: ${errorText(error)}`,
        );
    } finally {
      this.repairing.delete(stream);
    }
  }

  /** Creates a resource if it is missing; again, if it was reported as missing in the meantime. Never rejects. */
  private async check(stream: string, reason: MissingReason): Promise<void> {
    const running = this.checking.get(stream);
    if (running !== undefined) {
      running.again = reason;
      return;
    }
    const checks: { again: MissingReason | undefined } = { again: reason };
    this.checking.set(stream, checks);
    try {
      for (let next = takeReason(checks); next !== undefined; next = takeReason(checks)) {
        const { all } = this.resources.get(stream) ?? {};
        if (all === undefined || this.closed.signal.aborted) return;
        await this.replace(all, next);
      }
    } finally {
      this.checking.delete(stream);
    }
  }

  /** Creates a resource that is missing for this reason, and reports that. Never rejects. */
  private async replace(all: readonly DeclaredResource[], reason: MissingReason): Promise<void> {
    const [resource] = all;
    const { signal } = this.closed;
    const what = nameOf(resource);
    try {
      const created = reason === 'deleted' ? await this.createOnceGone(all) : await this.createIfMissing(all);
      if (!created || signal.aborted) return;
      this.logger.warn(`${what} was ${reason}, and was created again, empty`);
      for (const listener of this.listeners) listener(resource);
    } catch (error) {
      if (!signal.aborted)
        this.logger.error(`${what} was ${reason}, and could not be created again: ${errorText(error)}`);
    }
  }

  /**
   * Creates a resource that was reported as deleted. If it exists, another instance has created it, or its deletion is not visible
   * yet: it is looked at again for a while.
   */
  private async createOnceGone(all: readonly DeclaredResource[]): Promise<boolean> {
    const look = async (): Promise<true> => {
      if (await this.createIfMissing(all)) return true;
      throw STILL_THERE;
    };
    const isThere = (error: unknown): boolean => error === STILL_THERE;
    const { signal } = this.closed;
    try {
      return await retry(look, { ...LOOKS, retryable: isThere, deadline: new Deadline(LOOK_FOR), signal });
    } catch (error) {
      if (isThere(error)) return false;
      throw error;
    }
  }

  /** Creates a resource if it is missing, as soon as the server can be asked. */
  private createIfMissing(all: readonly DeclaredResource[]): Promise<boolean> {
    const what = nameOf(all[0]);
    return retry(() => this.lookAndCreate(all), {
      ...BACKOFF,
      retryable: mayPass,
      signal: this.closed.signal,
      onRetry: (error, wait) =>
        this.logger.warn(
          `${what}: could not check whether it exists, retrying in ${wait} ms: ${errorText(error)}`,
        ),
    });
  }

  private async lookAndCreate(all: readonly DeclaredResource[]): Promise<boolean> {
    const [{ stream }] = all;
    try {
      await this.jetstream.stream(stream);
      // Another application may have created it, with its own subjects.
      await repairAll(all);
      return false;
    } catch (error) {
      if (!(error instanceof StreamNotFoundError)) throw error;
    }
    for (const resource of all) await resource.create();
    this.watch(stream, all);
    return true;
  }
}

function nameOf({ kind, name }: DeclaredResource): string {
  return `${KINDS[kind]} "${name}"`;
}

function takeReason(checks: { again: MissingReason | undefined }): MissingReason | undefined {
  const { again } = checks;
  checks.again = undefined;
  return again;
}

async function repairAll(all: readonly DeclaredResource[]): Promise<void> {
  for (const resource of all) await resource.repair?.();
}

function mayPass(error: unknown): boolean {
  return isTransient(error) || isStarting(error);
}

/** A server that has just started may accept connections before JetStream responds. */
function isStarting(error: unknown): boolean {
  return error instanceof JetStreamNotEnabledError && error.cause instanceof NoRespondersError;
}
