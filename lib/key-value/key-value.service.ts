import { type Codec, codecRule } from '../codecs/index.js';
import {
  BucketExistsError,
  BucketNotFoundError,
  NotAKeyValueBucketError,
  StreamExistsError,
  StreamNotFoundError,
} from '../errors/index.js';
import {
  CALL_OPTIONS,
  type CallOptions,
  declaredStream,
  existingStream,
  inSteps,
  type JetStreamService,
  type Stream,
  type StreamConfig,
  waitOf,
} from '../jetstream/index.js';
import { optionsCheck, requireValue } from '../validation/index.js';
import { Bucket, STREAM_PREFIX } from './bucket.js';
import type { LocalCopy } from './cache/index.js';
import { validateBucketName } from './key-names.js';
import { isLegacyForm, type KeyValueConfig, toStreamConfig } from './key-value-config.js';
import { KeyValueStatus } from './key-value-status.js';
import { KeyValue } from './key-value.js';
import { Leases } from './locks/index.js';

/** Options for using a bucket. */
export interface KeyValueOptions<T> extends CallOptions {
  /** Encodes and decodes values. Default: the codec that was declared with the bucket, otherwise the module's. */
  readonly codec?: Codec<T> | undefined;
}

const checkOptions = optionsCheck<KeyValueOptions<unknown>>('a Key-Value bucket', {
  ...CALL_OPTIONS,
  codec: true,
});

/** Selects the streams of all buckets except mirrors, together with {@link STREAM_PREFIX}. */
export const ALL_BUCKETS = { subject: '$KV.*.>' };

/**
 * The Key-Value buckets of one connection (ADR-8).
 *
 * A bucket is a stream with the name of the bucket after the prefix `KV_`. Every NATS client can read and write it.
 *
 * Every method that sends requests has the options {@link CallOptions}: `timeout` and `signal`.
 */
export class KeyValueService {
  /** @internal The copies of buckets that this process keeps; see {@link KeyValue.cached}. */
  readonly copies = new Set<LocalCopy>();
  private readonly leases = new Leases();

  /** @internal Created by the module. */
  constructor(private readonly jetstream: JetStreamService) {}

  /**
   * Creates a bucket. If it already exists with the same configuration, the existing bucket is returned.
   *
   * @throws {@link BucketExistsError} if it exists with a different configuration
   * @throws {@link InvalidBucketNameError}, {@link HistoryTooLargeError}, {@link UnsupportedServerFeatureError}
   */
  async create<T = unknown>(config: KeyValueConfig, options: KeyValueOptions<T> = {}): Promise<KeyValue<T>> {
    const { timeout, signal } = checkOptions(options);
    const wanted = toStreamConfig(config, this.jetstream.connection);
    return inSteps({ timeout, signal }, async (left) => {
      try {
        return this.keyValue(await this.jetstream.createStream(wanted, left), options);
      } catch (error) {
        if (!(error instanceof StreamExistsError)) throw error;
        const stream = await this.modernized(wanted, left);
        if (stream) return this.keyValue(stream, options);
        throw new BucketExistsError('Key-Value', config.bucket, { cause: error });
      }
    });
  }

  /**
   * Changes the configuration of a bucket: omitted options are reset to their defaults.
   *
   * @throws {@link BucketNotFoundError} if it does not exist
   * @throws {@link InvalidBucketNameError}, {@link HistoryTooLargeError}, {@link UnsupportedServerFeatureError}
   */
  async update<T = unknown>(config: KeyValueConfig, options: KeyValueOptions<T> = {}): Promise<KeyValue<T>> {
    const { timeout, signal } = checkOptions(options);
    const wanted = toStreamConfig(config, this.jetstream.connection);
    const updated = this.jetstream.updateStream(wanted, { timeout, signal });
    return this.keyValue(await updated.catch(notFound(config.bucket)), options);
  }

  /**
   * Changes the configuration of a bucket, or creates it if it does not exist.
   *
   * @throws {@link InvalidBucketNameError}, {@link HistoryTooLargeError}, {@link UnsupportedServerFeatureError}
   */
  async createOrUpdate<T = unknown>(
    config: KeyValueConfig,
    options: KeyValueOptions<T> = {},
  ): Promise<KeyValue<T>> {
    const { timeout, signal } = checkOptions(options);
    const wanted = toStreamConfig(config, this.jetstream.connection);
    return this.keyValue(await this.jetstream.createOrUpdateStream(wanted, { timeout, signal }), options);
  }

  /**
   * Returns an existing bucket. Sends one request; the result can be used as long as the bucket exists.
   *
   * @throws {@link BucketNotFoundError}, {@link InvalidBucketNameError}
   * @throws {@link NotAKeyValueBucketError} if the stream with this name is not a Key-Value bucket
   */
  async open<T = unknown>(bucket: string, options: KeyValueOptions<T> = {}): Promise<KeyValue<T>> {
    validateBucketName(bucket);
    const { timeout, signal } = checkOptions(options);
    const opened = this.jetstream.stream(STREAM_PREFIX + bucket, { timeout, signal });
    const stream = await opened.catch(notFound(bucket));
    if (stream.cachedInfo.config.maxMessagesPerSubject < 1) {
      throw new NotAKeyValueBucketError(bucket, stream.name);
    }
    return this.keyValue(stream, options);
  }

  /**
   * Deletes a bucket with all of its values.
   *
   * @throws {@link BucketNotFoundError}, {@link InvalidBucketNameError}
   */
  async delete(bucket: string, options: CallOptions = {}): Promise<void> {
    validateBucketName(bucket);
    await this.jetstream.deleteStream(STREAM_PREFIX + bucket, options).catch(notFound(bucket));
  }

  /**
   * The names of all buckets except mirrors, which listen on no subjects.
   *
   * @throws {@link RequestTimeoutError}, {@link ConnectionClosedError}
   */
  async *names(options: CallOptions = {}): AsyncGenerator<string, void, undefined> {
    for await (const name of this.jetstream.streamNames({ ...ALL_BUCKETS, ...waitOf(options) })) {
      if (name.startsWith(STREAM_PREFIX)) yield name.slice(STREAM_PREFIX.length);
    }
  }

  /**
   * The configuration and state of all buckets except mirrors, which listen on no subjects.
   *
   * @throws {@link RequestTimeoutError}, {@link ConnectionClosedError}
   */
  async *list(options: CallOptions = {}): AsyncGenerator<KeyValueStatus, void, undefined> {
    for await (const info of this.jetstream.listStreams({ ...ALL_BUCKETS, ...waitOf(options) })) {
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
   * @internal Declares the codec of a bucket, for all callers that open it without a codec.
   * @throws {@link InvalidArgumentError} if a different codec is already declared
   */
  declareCodec(bucket: string, codec: Codec): void {
    this.jetstream.declarations.declare({ name: STREAM_PREFIX + bucket }, codec);
  }

  /** @internal The bucket of an application without a server. */
  declared(config: KeyValueConfig): KeyValue {
    const { api, connection } = this.jetstream;
    return this.keyValue(declaredStream(api, toStreamConfig(config, connection)), {});
  }

  /** Updates a bucket that an older client created, if it differs only in the defaults of that client. */
  private async modernized(wanted: StreamConfig, options: CallOptions): Promise<Stream | undefined> {
    const { cachedInfo } = await existingStream(this.jetstream, wanted.name, options);
    return isLegacyForm(cachedInfo.config, wanted) ? this.jetstream.updateStream(wanted, options) : undefined;
  }

  private keyValue<T>(stream: Stream, options: KeyValueOptions<T>): KeyValue<T> {
    if (options.codec !== undefined) requireValue('codec', options.codec, codecRule);
    const codec = options.codec ?? (this.jetstream.declarations.codecOfStream(stream.name) as Codec<T>);
    return new KeyValue(new Bucket(this.jetstream, stream.cachedInfo, codec), this.leases, this.copies);
  }
}

function notFound(bucket: string): (error: unknown) => never {
  return (error) => {
    throw error instanceof StreamNotFoundError
      ? new BucketNotFoundError('Key-Value', bucket, { cause: error })
      : error;
  };
}
