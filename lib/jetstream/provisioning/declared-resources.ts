import { Logger } from '@nestjs/common';
import type { Subscription } from '@nats-io/transport-node';
import {
  isTransient,
  JetStreamNotEnabledError,
  NoRespondersError,
  StreamNotFoundError,
} from '../../errors/index.js';
import { errorText } from '../../reporting/index.js';
import { retry } from '../../timing/index.js';
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

/** The server's advisories about created and deleted streams. */
const ADVISORIES = '$JS.EVENT.ADVISORY.STREAM.*.*';
/** The backoff between attempts, in milliseconds. */
const BACKOFF = { first: 250, longest: 30_000 };
/**
 * For how long updates of other applications are repaired, in milliseconds: longer than the time between the moment when
 * an application reads a stream and the moment when its update arrives. Later, a client removes something on purpose.
 */
const REPAIR_FOR = 30_000;
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
  private readonly checking = new Set<string>();
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
    if (watched.all[0].recreate) void this.check(watched.all, 'deleted');
  }

  private onReconnect(): void {
    const { info } = this.jetstream.connection.nc;
    const isOther = info?.server_id !== this.serverId;
    this.serverId = info?.server_id;
    const restarted = isOther && info?.cluster === undefined;
    for (const [stream, { all }] of this.resources) {
      const lost = restarted && !this.deleted.has(stream);
      if (lost || all[0].recreate) void this.check(all, lost ? 'lost in a restart of the server' : 'deleted');
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

  /** Creates a resource if it is missing. */
  private async check(all: readonly DeclaredResource[], reason: string): Promise<void> {
    const [resource] = all;
    const { kind, name, stream } = resource;
    if (this.checking.has(stream)) return;
    this.checking.add(stream);
    const what = `${KINDS[kind]} "${name}"`;
    try {
      const created = await retry(() => this.createIfMissing(all), {
        ...BACKOFF,
        retryable: mayPass,
        signal: this.closed.signal,
        onRetry: (error, wait) =>
          this.logger.warn(
            `${what}: could not check whether it exists, retrying in ${wait} ms: ${errorText(error)}`,
          ),
      });
      if (!created || this.closed.signal.aborted) return;
      this.logger.warn(`${what} was ${reason}, and was created again, empty`);
      for (const listener of this.listeners) listener(resource);
    } catch (error) {
      if (!this.closed.signal.aborted)
        this.logger.error(`${what} was ${reason}, and could not be created again: ${errorText(error)}`);
    } finally {
      this.checking.delete(stream);
    }
  }

  private async createIfMissing(all: readonly DeclaredResource[]): Promise<boolean> {
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
