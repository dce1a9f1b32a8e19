export { declaredStream } from './declared-info.js';
export { BUCKET_OPTIONS, type BucketConfig, bucketStream } from './bucket-config.js';
export type { GetLastMessagesOptions, GetMessagesOptions } from './batch-get.js';
export { directReplyKind } from './direct-reply.js';
export {
  PLACEMENT_OPTIONS,
  replicaCount,
  REPUBLISH_OPTIONS,
  storageType,
  STREAM_OPTIONS,
  STREAM_SOURCE_OPTIONS,
  streamSources,
} from './known-options.js';
export { messagesAfter } from './messages-after.js';
export { type NewestMessages, newestMessages, type NewestPage } from './newest-messages.js';
export { type LeaderQuery, readFromLeader } from './message-access.js';
export { StoredMessage, type WireStoredMessage } from './stored-message.js';
export type { StreamInfoOptions } from './stream-api.js';
export {
  DiscardPolicy,
  type ExternalStream,
  PersistMode,
  type Placement,
  type Republish,
  RetentionPolicy,
  StorageType,
  StoreCompression,
  type StoredStreamConfig,
  type StreamConfig,
  type StreamConsumerLimits,
  type StreamConsumerSource,
  type StreamSource,
  type SubjectTransform,
} from './stream-config.js';
export type { StreamAlternate, StreamInfo, StreamSourceInfo, StreamState } from './stream-info.js';
export { type GetMessageOptions, type PurgeOptions, Stream } from './stream.js';
export { type StreamListOptions, streamPage, type StreamPageQuery, Streams } from './streams.js';
