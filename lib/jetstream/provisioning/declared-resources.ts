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
}

/** The server's advisories about created and deleted streams. */
const ADVISORIES = '$JS.EVENT.ADVISORY.STREAM.*.*';
/** The backoff between attempts, in milliseconds. */
const BACKOFF = { first: 250, longest: 30_000 };
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
  private readonly resources = new Map<string, DeclaredResource>();
  private readonly deleted = new Set<string>();
  private readonly checking = new Set<string>();
  private readonly closed = new AbortController();
  private readonly listeners: ((resource: DeclaredResource) => void)[] = [];
  private subscription: Subscription | undefined;
  private stopListening: (() => void) | undefined;
  private serverId: string | undefined;

  constructor(private readonly jetstream: JetStreamService) {}

  /** Watches an existing resource from now on. The first declaration of a stream or bucket applies. */
  add(resource: DeclaredResource): void {
    if (this.closed.signal.aborted || this.resources.has(resource.stream)) return;
    this.resources.set(resource.stream, resource);
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
    const resource = this.resources.get(stream);
    if (!resource) return;
    if (action === 'CREATED') this.deleted.delete(stream);
    if (action !== 'DELETED') return;
    this.deleted.add(stream);
    if (resource.recreate) void this.check(resource, 'deleted');
  }

  private onReconnect(): void {
    const { info } = this.jetstream.connection.nc;
    const isOther = info?.server_id !== this.serverId;
    this.serverId = info?.server_id;
    const restarted = isOther && info?.cluster === undefined;
    for (const resource of this.resources.values()) {
      const lost = restarted && !this.deleted.has(resource.stream);
      if (lost || resource.recreate)
        void this.check(resource, lost ? 'lost in a restart of the server' : 'deleted');
    }
  }

  /** Creates a resource if it is missing. */
  private async check(resource: DeclaredResource, reason: string): Promise<void> {
    const { kind, name, stream } = resource;
    if (this.checking.has(stream)) return;
    this.checking.add(stream);
    const what = `${KINDS[kind]} "${name}"`;
    try {
      const created = await retry(() => this.createIfMissing(resource), {
        ...BACKOFF,
        retryable: (error) => isTransient(error) || isStarting(error),
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

  private async createIfMissing(resource: DeclaredResource): Promise<boolean> {
    try {
      await this.jetstream.stream(resource.stream);
      return false;
    } catch (error) {
      if (!(error instanceof StreamNotFoundError)) throw error;
    }
    await resource.create();
    return true;
  }
}

/** A server that has just started may accept connections before JetStream responds. */
function isStarting(error: unknown): boolean {
  return error instanceof JetStreamNotEnabledError && error.cause instanceof NoRespondersError;
}
