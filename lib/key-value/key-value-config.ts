import { isDeepStrictEqual } from 'node:util';
import type { JetStreamConnection } from '../connection/index.js';
import { HistoryTooLargeError } from '../errors/index.js';
import {
  BUCKET_OPTIONS,
  type BucketConfig,
  bucketStream,
  type Republish,
  REPUBLISH_OPTIONS,
  STREAM_SOURCE_OPTIONS,
  type StoredStreamConfig,
  type StreamConfig,
  type StreamSource,
  streamSources,
} from '../jetstream/index.js';
import { type AllOptionsOf, checkedOptions, count, limit, serverDuration } from '../validation/index.js';
import { bucketOf, STREAM_PREFIX } from './bucket.js';
import { validateBucketName } from './key-names.js';

/** The maximum number of revisions of a key. */
export const MAX_HISTORY = 64;

/** The configuration of a Key-Value bucket (ADR-8). `ttl` applies to values. */
export interface KeyValueConfig extends BucketConfig {
  /** The number of revisions kept of each key, 1 to 64. Default 1. */
  readonly history?: number | undefined;
  /** The maximum size of a value, headers included. Default: no limit except the server's `max_payload`. */
  readonly maxValueSize?: number | undefined;
  /** Publishes every change again on another subject. */
  readonly republish?: Republish | undefined;
  /**
   * Makes the bucket a copy of another one; `name` is the name of a bucket, with or without the `KV_` of its stream.
   * Reads are answered by the copy, writes go to the origin.
   */
  readonly mirror?: StreamSource | undefined;
  /**
   * Buckets whose keys are copied into this one; names as in `mirror`. A source with `subjectTransforms` is used
   * unchanged, so that streams that are not buckets can be sources too. nats-server 2.10.
   */
  readonly sources?: readonly StreamSource[] | undefined;
  /**
   * Allows keys to have their own ttl, and stores a marker for this time when a value expires, so that watches receive
   * the expiry. At least 1,000. Default: neither. nats-server 2.11.
   */
  readonly limitMarkerTtl?: number | undefined;
}

/** The options of {@link KeyValueConfig}. */
export const KEY_VALUE_OPTIONS = {
  ...BUCKET_OPTIONS,
  history: count(0),
  maxValueSize: limit,
  republish: REPUBLISH_OPTIONS,
  mirror: STREAM_SOURCE_OPTIONS,
  sources: streamSources,
  limitMarkerTtl: serverDuration(),
} satisfies AllOptionsOf<KeyValueConfig>;

// An invalid name has its own error.
const CONFIG = { ...KEY_VALUE_OPTIONS, bucket: true } as const;

const DUPLICATE_WINDOW = 120_000;

/**
 * The stream configuration of a bucket.
 *
 * @throws {@link InvalidBucketNameError}, {@link HistoryTooLargeError}
 * @throws {@link UnsupportedServerFeatureError} for options that the connected server is too old for
 */
export function toStreamConfig(given: KeyValueConfig, connection: JetStreamConnection): StreamConfig {
  const config = checkedOptions<KeyValueConfig>('a Key-Value bucket', given, CONFIG);
  const {
    bucket,
    history = 1,
    ttl = 0,
    mirror,
    sources = [],
    limitMarkerTtl,
    compression,
    metadata,
  } = config;
  validateBucketName(bucket);
  if (history > MAX_HISTORY) throw new HistoryTooLargeError(bucket, history, MAX_HISTORY);
  if (limitMarkerTtl) connection.require('The bucket option limitMarkerTtl', '2.11.0');
  if (compression) connection.require('The bucket option compression', '2.10.0');
  if (metadata) connection.require('The bucket option metadata', '2.10.0');
  return {
    ...bucketStream(STREAM_PREFIX + bucket, config),
    maxMessagesPerSubject: Math.max(1, history),
    maxMessageSize: config.maxValueSize || -1,
    maxMessages: -1,
    maxConsumers: -1,
    republish: config.republish,
    duplicateWindow: ttl > 0 ? Math.min(ttl, DUPLICATE_WINDOW) : DUPLICATE_WINDOW,
    denyDelete: true,
    ...(mirror
      ? { mirror: { ...mirror, name: withPrefix(mirror.name) }, mirrorDirect: true }
      : {
          subjects: [subjectsOf(bucket)],
          ...(sources.length > 0 ? { sources: sources.map((source) => toSource(source, bucket)) } : {}),
        }),
    ...(limitMarkerTtl ? { allowMessageTtl: true, subjectDeleteMarkerTtl: limitMarkerTtl } : {}),
  };
}

/** Converts the stream configuration of a bucket to a bucket configuration. */
export function fromStreamConfig(config: StoredStreamConfig): KeyValueConfig {
  return {
    bucket: bucketOf(config.name),
    description: config.description,
    history: config.maxMessagesPerSubject,
    maxValueSize: config.maxMessageSize,
    ttl: config.maxAge,
    maxBytes: config.maxBytes,
    storage: config.storage,
    replicas: config.replicas,
    placement: config.placement,
    republish: config.republish,
    mirror: config.mirror && { ...config.mirror, name: bucketOf(config.mirror.name) },
    sources: config.sources?.map((source) => fromSource(source, config.name)),
    compression: config.compression === 's2',
    metadata: config.metadata,
    limitMarkerTtl: config.subjectDeleteMarkerTtl,
    raw: config.raw,
  };
}

/**
 * Whether a stream differs from the wanted one only in options for which older clients used other defaults: the discard
 * policy and direct gets.
 */
export function isLegacyForm(existing: StoredStreamConfig, wanted: StreamConfig): boolean {
  const known: Readonly<Record<string, unknown>> = { ...existing };
  return Object.entries(wanted).every(
    ([option, value]) =>
      option === 'discard' ||
      option === 'allowDirect' ||
      value === undefined ||
      isDeepStrictEqual(known[option], value),
  );
}

function toSource(source: StreamSource, bucket: string): StreamSource {
  if (source.subjectTransforms?.length) return source;
  const name = withPrefix(source.name);
  const origin = bucketOf(name);
  const isElsewhere = source.external !== undefined || source.domain !== undefined;
  return isElsewhere && origin === bucket
    ? { ...source, name }
    : {
        ...source,
        name,
        subjectTransforms: [{ source: subjectsOf(origin), destination: subjectsOf(bucket) }],
      };
}

/** Removes from a source what {@link toSource} adds. */
function fromSource(source: StreamSource, stream: string): StreamSource {
  const { subjectTransforms = [], ...rest } = source;
  const name = bucketOf(source.name);
  const added = { source: subjectsOf(name), destination: subjectsOf(bucketOf(stream)) };
  if (subjectTransforms.length > 1) return source;
  return subjectTransforms.length === 0 || isDeepStrictEqual(subjectTransforms[0], added)
    ? { ...rest, name }
    : source;
}

function withPrefix(name: string): string {
  return name.startsWith(STREAM_PREFIX) ? name : STREAM_PREFIX + name;
}

function subjectsOf(bucket: string): string {
  return `$KV.${bucket}.>`;
}
