import { createHash } from 'node:crypto';
import { Logger } from '@nestjs/common';
import {
  BucketExistsError,
  BucketNotFoundError,
  ConnectionClosedError,
  isTransient,
  LockNotObtainedError,
} from '../errors/index.js';
import type { HandlerConnection } from '../handlers/index.js';
import type { KeyValue, LeaderElection } from '../key-value/index.js';
import { errorText } from '../reporting/index.js';
import { Backoff } from '../timing/index.js';
import type { UsedResources } from './used-resources.js';

/** The pauses after attempts that failed temporarily, in milliseconds. */
const RETRY = { first: 1_000, longest: 30_000 };
/** How long the lock that checks the permissions is held at most, in milliseconds. */
const CHECK_TTL = 1_000;

/**
 * Decides on one connection whether this instance reads the state of streams and consumers: one of all instances that use
 * the same ones does. It contends for that from its first scrape on, so that an instance that is not scraped never leads.
 */
export class ReaderElection {
  private readonly logger = new Logger('JetStreamMetrics');
  private readonly backoff = new Backoff(RETRY);
  private election: LeaderElection | undefined;
  private starting: Promise<void> | undefined;
  private retryAt = 0;
  private isOff = false;

  constructor(
    private readonly connection: HandlerConnection,
    private readonly bucket: string,
    private readonly used: () => UsedResources,
  ) {}

  /** Whether this instance reads now. Contends for it if it does not yet. */
  get isLeader(): boolean {
    if (this.election === undefined && !this.isOff) this.contend();
    return !this.isOff && this.election?.isLeader === true;
  }

  /** Called when the application shuts down. Its connection then withdraws from all elections. */
  stop(): void {
    this.isOff = true;
  }

  private contend(): void {
    if (this.starting !== undefined || performance.now() < this.retryAt) return;
    this.starting = this.start().finally(() => (this.starting = undefined));
  }

  /** Never rejects. */
  private async start(): Promise<void> {
    try {
      const bucket = await this.open();
      const key = electionKey(this.used());
      await check(bucket, key);
      if (!this.isOff) this.election = bucket.elect(key);
    } catch (error) {
      if (error instanceof ConnectionClosedError) return;
      if (isTransient(error)) this.retryAt = performance.now() + this.backoff.next();
      else this.turnOff(error);
    }
  }

  private turnOff(error: unknown): void {
    if (this.isOff) return;
    this.isOff = true;
    this.logger.warn(
      `The metrics of streams and consumers on connection "${this.connection.name}" are off in this instance, because it ` +
        `cannot take part in the election in bucket "${this.bucket}": ${errorText(error)}. Grant the permissions of ` +
        "elections for this bucket, create the bucket, or set the option server to 'every' or 'off'.",
    );
  }

  private async open(): Promise<KeyValue> {
    const { keyValue, provisioning } = this.connection;
    const { bucket } = this;
    try {
      return await keyValue.open(bucket);
    } catch (error) {
      if (!(error instanceof BucketNotFoundError) || provisioning !== 'ensure') throw error;
    }
    try {
      return await keyValue.create({ bucket, description: 'Elections of instances that read metrics' });
    } catch (error) {
      // Another version of this library created it at the same moment.
      if (error instanceof BucketExistsError) return keyValue.open(bucket);
      throw error;
    }
  }
}

/**
 * An election retries after every failure and logs it, so the permissions are checked before, with a lock that needs the
 * same ones.
 */
async function check(bucket: KeyValue, key: string): Promise<void> {
  try {
    const lock = await bucket.lock(`${key}.check`, { wait: 0, ttl: CHECK_TTL });
    await lock.release();
  } catch (error) {
    // Another instance has it, for a moment.
    if (!(error instanceof LockNotObtainedError)) throw error;
  }
}

/** The key of instances that use the same streams and consumers. */
function electionKey({ streams, consumers }: UsedResources): string {
  const names = [...streams, ...consumers.map(({ stream, name }) => `${stream} ${name}`)];
  const digest = createHash('sha256').update(JSON.stringify(names.toSorted())).digest('hex');
  return `reader.${digest.slice(0, 32)}`;
}
