import {
  PLACEMENT_OPTIONS,
  replicaCount,
  storageType,
  type Placement,
  type StorageType,
  type StreamConfig,
  type StreamInfo,
} from '../jetstream/index.js';
import {
  filledText,
  flag,
  limit,
  checkedOptions,
  pairs,
  rawFields,
  required,
  serverDuration,
  text,
  type AllOptionsOf,
} from '../validation/index.js';
import { bucketOfStream, ObjectNames } from './object-names.js';

/** The configuration of an object store. Durations are in milliseconds, sizes in bytes. */
export interface ObjectStoreConfig {
  /** The name: letters, digits, `-` and `_`; unique among the object stores of the account. */
  readonly bucket: string;
  readonly description?: string | undefined;
  /** How long chunks and descriptions are kept, in milliseconds. Default 0: no limit. */
  readonly ttl?: number | undefined;
  /** The maximum size of the bucket in bytes, including descriptions and message headers. Default -1: no limit. */
  readonly maxBytes?: number | undefined;
  /** Default `file`. */
  readonly storage?: StorageType | undefined;
  /** The number of servers that store a copy, 1 to 5. Default 1. */
  readonly replicas?: number | undefined;
  readonly placement?: Placement | undefined;
  /** Compresses stored data with S2. Default `false`. nats-server 2.10. */
  readonly compression?: boolean | undefined;
  /** Key-value pairs of the application; keys that begin with `_nats` are reserved for the server. nats-server 2.10. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Fields of the bucket's stream that have no option here, under the server's own names. */
  readonly raw?: StreamConfig['raw'] | undefined;
}

/** The options of {@link ObjectStoreConfig}. */
export const OBJECT_STORE_OPTIONS = {
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
} satisfies AllOptionsOf<ObjectStoreConfig>;

// An invalid name has its own error.
const CONFIG = { ...OBJECT_STORE_OPTIONS, bucket: true } as const;

/** The options of an object store as they were read. @throws {@link InvalidArgumentError} */
export function checkConfig(config: ObjectStoreConfig): ObjectStoreConfig {
  return checkedOptions('an object store', config, CONFIG);
}

/** An object store's configuration and state at one moment. */
export interface ObjectStoreStatus {
  readonly bucket: string;
  /** Empty if there is none. */
  readonly description: string;
  /** How long chunks and descriptions are kept, in milliseconds; 0 for no limit. */
  readonly ttl: number;
  /** The maximum size of the bucket in bytes; -1 for no limit. */
  readonly maxBytes: number;
  readonly storage: StorageType;
  /** The number of servers that store a copy. */
  readonly replicas: number;
  /** Whether nothing can be written or deleted any more. */
  readonly sealed: boolean;
  /** The total size of the bucket in bytes, including descriptions. */
  readonly size: number;
  /** The technology that stores the bucket. */
  readonly backingStore: 'JetStream';
  readonly metadata: Readonly<Record<string, string>>;
  /** Whether stored data is compressed. */
  readonly compressed: boolean;
  /** The stream of the bucket. */
  readonly streamInfo: StreamInfo;
}

/**
 * The stream configuration of an object store (ADR-20).
 *
 * @throws {@link InvalidBucketNameError}
 */
export function objectStoreStreamConfig(config: ObjectStoreConfig): StreamConfig {
  const names = new ObjectNames(config.bucket);
  return {
    name: names.stream,
    description: config.description,
    subjects: [names.allChunks, names.allInfos],
    maxAge: config.ttl ?? 0,
    maxBytes: config.maxBytes || -1,
    storage: config.storage,
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

/** The status of the object store of a stream. */
export function toStatus(info: StreamInfo): ObjectStoreStatus {
  const { config, state } = info;
  return {
    bucket: bucketOfStream(config.name) ?? '',
    description: config.description ?? '',
    ttl: config.maxAge,
    maxBytes: config.maxBytes,
    storage: config.storage,
    replicas: config.replicas,
    sealed: config.sealed,
    size: state.bytes,
    backingStore: 'JetStream',
    metadata: config.metadata ?? {},
    compressed: config.compression !== undefined && config.compression !== 'none',
    streamInfo: info,
  };
}
