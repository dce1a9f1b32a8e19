import { type Codec, codecRule } from '../codecs/index.js';
import {
  BucketExistsError,
  BucketNotFoundError,
  NotAKeyValueBucketError,
  StreamNameInUseError,
  StreamNotFoundError,
} from '../errors/index.js';
import type { JetStreamService, Stream, StreamConfig } from '../jetstream/index.js';
import { optionsCheck, requireValue } from '../validation/index.js';
import { Bucket, STREAM_PREFIX } from './bucket.js';
import { validateBucketName } from './key-names.js';
import { isLegacyForm, type KeyValueConfig, toStreamConfig } from './key-value-config.js';
import { KeyValueStatus } from './key-value-status.js';
import { KeyValue } from './key-value.js';
import { Leases } from './locks/index.js';

/** How a bucket is used. */
export interface KeyValueOptions<T> {
  /** Turns values into bytes and back. Default: the codec that the bucket was declared with, else the module's. */
  readonly codec?: Codec<T> | undefined;
}

const checkOptions = optionsCheck<KeyValueOptions<unknown>>('a Key-Value bucket', { codec: true });

const ALL_BUCKETS = { subject: '$KV.*.>' };

/**
 * The Key-Value buckets of one connection (ADR-8).
 *
 * Buckets are streams with a name of `KV_` and the bucket's; every NATS client reads and writes them.
 */
export class KeyValueService {
  private readonly leases = new Leases();

  constructor(private readonly jetstream: JetStreamService) {}

  /**
   * Creates a bucket. One that exists with the same configuration is taken as it is.
   *
   * @throws {@link BucketExistsError} where it exists with another configuration
   * @throws {@link InvalidBucketNameError}, {@link HistoryTooLargeError}, {@link UnsupportedServerFeatureError}
   */
  async create<T = unknown>(config: KeyValueConfig, options: KeyValueOptions<T> = {}): Promise<KeyValue<T>> {
    checkOptions(options);
    const wanted = toStreamConfig(config, this.jetstream.connection);
    try {
      return this.keyValue(await this.jetstream.createStream(wanted), options);
    } catch (error) {
      if (!(error instanceof StreamNameInUseError)) throw error;
      const stream = await this.modernized(wanted);
      if (stream) return this.keyValue(stream, options);
      throw new BucketExistsError('Key-Value', config.bucket, { cause: error });
    }
  }

  /**
   * Changes the configuration of a bucket: options that are left out go back to their defaults.
   *
   * @throws {@link BucketNotFoundError} where it does not exist
   * @throws {@link InvalidBucketNameError}, {@link HistoryTooLargeError}, {@link UnsupportedServerFeatureError}
   */
  async update<T = unknown>(config: KeyValueConfig, options: KeyValueOptions<T> = {}): Promise<KeyValue<T>> {
    checkOptions(options);
    const wanted = toStreamConfig(config, this.jetstream.connection);
    return this.keyValue(await this.jetstream.updateStream(wanted).catch(notFound(config.bucket)), options);
  }

  /**
   * Changes the configuration of a bucket, or creates it where it does not exist.
   *
   * @throws {@link InvalidBucketNameError}, {@link HistoryTooLargeError}, {@link UnsupportedServerFeatureError}
   */
  async createOrUpdate<T = unknown>(
    config: KeyValueConfig,
    options: KeyValueOptions<T> = {},
  ): Promise<KeyValue<T>> {
    checkOptions(options);
    const wanted = toStreamConfig(config, this.jetstream.connection);
    return this.keyValue(await this.jetstream.createOrUpdateStream(wanted), options);
  }

  /**
   * A bucket that exists. One request; the result may be kept as long as the bucket lives.
   *
   * @throws {@link BucketNotFoundError}, {@link InvalidBucketNameError}
   * @throws {@link NotAKeyValueBucketError} where the stream of that name is something else
   */
  async open<T = unknown>(bucket: string, options: KeyValueOptions<T> = {}): Promise<KeyValue<T>> {
    validateBucketName(bucket);
    checkOptions(options);
    const stream = await this.jetstream.stream(STREAM_PREFIX + bucket).catch(notFound(bucket));
    if (stream.cachedInfo.config.maxMessagesPerSubject < 1) {
      throw new NotAKeyValueBucketError(bucket, stream.name);
    }
    return this.keyValue(stream, options);
  }

  /**
   * Deletes a bucket with all that it holds.
   *
   * @throws {@link BucketNotFoundError}, {@link InvalidBucketNameError}
   */
  async delete(bucket: string): Promise<void> {
    validateBucketName(bucket);
    await this.jetstream.deleteStream(STREAM_PREFIX + bucket).catch(notFound(bucket));
  }

  /** The names of all buckets but mirrors, which listen on no subjects. */
  async *names(): AsyncGenerator<string, void, undefined> {
    for await (const name of this.jetstream.streamNames(ALL_BUCKETS)) {
      if (name.startsWith(STREAM_PREFIX)) yield name.slice(STREAM_PREFIX.length);
    }
  }

  /** The configuration and state of all buckets but mirrors, which listen on no subjects. */
  async *list(): AsyncGenerator<KeyValueStatus, void, undefined> {
    for await (const info of this.jetstream.listStreams(ALL_BUCKETS)) {
      if (info.config.name.startsWith(STREAM_PREFIX)) yield new KeyValueStatus(info);
    }
  }

  /**
   * @internal Releases the locks and withdraws from the elections of this process, when the application shuts down.
   *
   * @param timeout how long to wait for the server, in milliseconds
   */
  async releaseLeases(timeout: number): Promise<void> {
    await this.leases.releaseAll(timeout);
  }

  /**
   * @internal The codec of a bucket, for all who open it without another.
   * @throws {@link InvalidArgumentError} where it has another one
   */
  declareCodec(bucket: string, codec: Codec): void {
    this.jetstream.codecs.declare({ name: STREAM_PREFIX + bucket }, codec);
  }

  /** Updates a bucket of an older client where that is all that is wrong with it. */
  private async modernized(wanted: StreamConfig): Promise<Stream | undefined> {
    const { cachedInfo } = await this.jetstream.stream(wanted.name);
    return isLegacyForm(cachedInfo.config, wanted) ? this.jetstream.updateStream(wanted) : undefined;
  }

  private keyValue<T>(stream: Stream, options: KeyValueOptions<T>): KeyValue<T> {
    if (options.codec !== undefined) requireValue('codec', options.codec, codecRule);
    const codec = options.codec ?? (this.jetstream.codecs.ofStream(stream.name) as Codec<T>);
    return new KeyValue(new Bucket(this.jetstream, stream.cachedInfo, codec), this.leases);
  }
}

function notFound(bucket: string): (error: unknown) => never {
  return (error) => {
    throw error instanceof StreamNotFoundError
      ? new BucketNotFoundError('Key-Value', bucket, { cause: error })
      : error;
  };
}
