import {
  BUCKET_OPTIONS,
  type BucketConfig,
  bucketStream,
  type StorageType,
  type StreamConfig,
  type StreamInfo,
} from '../jetstream/index.js';
import { checkedOptions } from '../validation/index.js';
import { bucketOfStream, ObjectNames } from './object-names.js';

/** The configuration of an object store (ADR-20). `ttl` applies to chunks and descriptions. */
export type ObjectStoreConfig = BucketConfig;

// An invalid name has its own error.
const CONFIG = { ...BUCKET_OPTIONS, bucket: true } as const;

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
  return { ...bucketStream(names.stream, config), subjects: [names.allChunks, names.allInfos] };
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
