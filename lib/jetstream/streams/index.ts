export type { GetLastMessagesOptions, GetMessagesOptions } from './batch-get.js';
export type { ClusterInfo, PeerInfo } from './cluster-info.js';
export type { StoredMessage } from './stored-message.js';
export type { StreamInfoOptions } from './stream-api.js';
export * from './stream-config.js';
export type { StreamAlternate, StreamInfo, StreamSourceInfo, StreamState } from './stream-info.js';
export * from './stream.js';
export * from './streams.js';
export * from './known-options.js';
