import {
  BucketExistsError,
  BucketNotFoundError,
  StreamExistsError,
  StreamNotFoundError,
} from '../errors/index.js';
import {
  type CallOptions,
  declaredStream,
  type JetStreamService,
  type Stream,
  type StreamConfig,
  waitOf,
} from '../jetstream/index.js';
import { ANY_BUCKET, bucketOfStream, ObjectNames } from './object-names.js';
import {
  checkConfig,
  objectStoreStreamConfig,
  toStatus,
  type ObjectStoreConfig,
  type ObjectStoreStatus,
} from './object-store-config.js';
import { ObjectStore } from './object-store.js';
import { ObjectTransfers } from './object-transfers.js';

/**
 * The object stores of an account: buckets of objects of any size (ADR-20). nats-server 2.9.
 *
 * Every method that sends requests has the options {@link CallOptions}: `timeout` and `signal`.
 */
export class ObjectStoreService {
  private readonly transfers: ObjectTransfers;

  /** @internal Created by the module. */
  constructor(private readonly jetstream: JetStreamService) {
    this.transfers = new ObjectTransfers(jetstream.connection);
  }

  /**
   * Creates a bucket. If it already exists with the same configuration, the existing bucket is returned.
   *
   * @throws {@link BucketExistsError} if it exists with a different configuration
   * @throws {@link InvalidBucketNameError}
   * @throws {@link UnsupportedServerFeatureError} for `compression` and `metadata` before nats-server 2.10
   */
  create(config: ObjectStoreConfig, options: CallOptions = {}): Promise<ObjectStore> {
    return this.withConfig(config, (wanted) => this.jetstream.createStream(wanted, options));
  }

  /**
   * Changes the configuration of a bucket: omitted options are reset to their defaults.
   *
   * @throws {@link BucketNotFoundError}, {@link InvalidBucketNameError}, {@link UnsupportedServerFeatureError}
   * @throws {@link JetStreamApiError} if an option cannot change, such as `storage`
   */
  update(config: ObjectStoreConfig, options: CallOptions = {}): Promise<ObjectStore> {
    return this.withConfig(config, (wanted) => this.jetstream.updateStream(wanted, options));
  }

  /**
   * Updates a bucket, or creates it if it does not exist.
   *
   * @throws {@link InvalidBucketNameError}, {@link UnsupportedServerFeatureError}
   * @throws {@link JetStreamApiError} if an option cannot change, such as `storage`
   */
  createOrUpdate(config: ObjectStoreConfig, options: CallOptions = {}): Promise<ObjectStore> {
    return this.withConfig(config, (wanted) => this.jetstream.createOrUpdateStream(wanted, options));
  }

  /**
   * Returns an existing bucket.
   *
   * @throws {@link BucketNotFoundError}, {@link InvalidBucketNameError}
   */
  open(bucket: string, options: CallOptions = {}): Promise<ObjectStore> {
    return this.withStream(bucket, () => this.jetstream.stream(new ObjectNames(bucket).stream, options));
  }

  /**
   * Deletes a bucket with all of its objects.
   *
   * @throws {@link BucketNotFoundError}, {@link InvalidBucketNameError}
   */
  async delete(bucket: string, options: CallOptions = {}): Promise<void> {
    const { stream } = new ObjectNames(bucket);
    await this.jetstream.deleteStream(stream, options).catch((error: unknown) => {
      throw ofBucket(bucket, error);
    });
  }

  /**
   * @internal Ends the puts in progress when the application shuts down, before the connection is closed.
   *
   * @param timeout in milliseconds
   */
  async close(timeout: number): Promise<void> {
    await this.transfers.close(timeout);
  }

  /**
   * The names of all buckets except mirrors, which listen on no subjects.
   *
   * @throws {@link RequestTimeoutError}, {@link ConnectionClosedError}
   */
  async *names(options: CallOptions = {}): AsyncGenerator<string, void, undefined> {
    for await (const stream of this.jetstream.streamNames({ ...waitOf(options), subject: ANY_BUCKET })) {
      const bucket = bucketOfStream(stream);
      if (bucket !== undefined) yield bucket;
    }
  }

  /**
   * The status of all buckets except mirrors, which listen on no subjects.
   *
   * @throws {@link RequestTimeoutError}, {@link ConnectionClosedError}
   */
  async *list(options: CallOptions = {}): AsyncGenerator<ObjectStoreStatus, void, undefined> {
    for await (const info of this.jetstream.listStreams({ ...waitOf(options), subject: ANY_BUCKET })) {
      if (bucketOfStream(info.config.name) !== undefined) yield toStatus(info);
    }
  }

  /** @internal The bucket of an application without a server. */
  declared(config: ObjectStoreConfig): ObjectStore {
    const stream = declaredStream(this.jetstream.api, objectStoreStreamConfig(checkConfig(config)));
    return new ObjectStore(this.jetstream, stream.cachedInfo, this.transfers);
  }

  private async withConfig(
    config: ObjectStoreConfig,
    put: (wanted: StreamConfig) => Promise<Stream>,
  ): Promise<ObjectStore> {
    const checked = checkConfig(config);
    return this.withStream(checked.bucket, () => put(objectStoreStreamConfig(checked)));
  }

  private async withStream(bucket: string, stream: () => Promise<Stream>): Promise<ObjectStore> {
    try {
      return new ObjectStore(this.jetstream, (await stream()).cachedInfo, this.transfers);
    } catch (error) {
      throw ofBucket(bucket, error);
    }
  }
}

function ofBucket(bucket: string, cause: unknown): unknown {
  if (cause instanceof StreamNotFoundError) return new BucketNotFoundError('Object Store', bucket, { cause });
  if (cause instanceof StreamExistsError) return new BucketExistsError('Object Store', bucket, { cause });
  return cause;
}
