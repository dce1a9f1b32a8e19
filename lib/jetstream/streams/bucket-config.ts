import {
  type AllOptionsOf,
  filledText,
  flag,
  limit,
  pairs,
  rawFields,
  required,
  serverDuration,
  text,
} from '../../validation/index.js';
import { PLACEMENT_OPTIONS, replicaCount, storageType } from './known-options.js';
import type { Placement, StorageType, StreamConfig } from './stream-config.js';

/** The options that Key-Value and Object Store buckets have in common. Durations in milliseconds, sizes in bytes. */
export interface BucketConfig {
  /** The name: letters, digits, `-` and `_`; unique among the buckets of its kind in the account. */
  readonly bucket: string;
  readonly description?: string | undefined;
  /** How long the contents are kept, in milliseconds. Default 0: no limit. */
  readonly ttl?: number | undefined;
  /**
   * The maximum size of the bucket, message headers included; writes to a full bucket are refused. Default -1: no
   * limit.
   */
  readonly maxBytes?: number | undefined;
  /** Default `file`. */
  readonly storage?: StorageType | undefined;
  /** The number of servers that store a copy, 1 to 5. Default 1. */
  readonly replicas?: number | undefined;
  readonly placement?: Placement | undefined;
  /** Compresses stored data on disk with S2. Default `false`. nats-server 2.10. */
  readonly compression?: boolean | undefined;
  /** Key-value pairs of the application; keys that begin with `_nats` are reserved for the server. nats-server 2.10. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Fields of the stream's configuration that this version does not know, under the server's own names. */
  readonly raw?: StreamConfig['raw'] | undefined;
}

/** The options of {@link BucketConfig}. */
export const BUCKET_OPTIONS = {
  bucket: required(filledText),
  description: text,
  ttl: serverDuration(),
  maxBytes: limit,
  storage: storageType,
  replicas: replicaCount,
  placement: PLACEMENT_OPTIONS,
  compression: flag,
  metadata: pairs,
  raw: rawFields,
} satisfies AllOptionsOf<BucketConfig>;

/** The part of the stream configuration that all buckets have (ADR-8, ADR-20). */
export function bucketStream(name: string, config: BucketConfig): StreamConfig {
  return {
    name,
    description: config.description,
    maxAge: config.ttl ?? 0,
    maxBytes: config.maxBytes || -1,
    storage: config.storage ?? 'file',
    replicas: config.replicas ?? 1,
    placement: config.placement,
    discard: 'new',
    allowRollup: true,
    allowDirect: true,
    metadata: config.metadata,
    compression: config.compression ? 's2' : undefined,
    raw: config.raw,
  };
}
