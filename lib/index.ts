export { jsonCodec, type Codec } from './codecs/index.js';
export {
  JetStreamConnection,
  type ConnectionListener,
  type ConnectionSource,
  type JetStreamOptions,
} from './connection/index.js';
export * from './errors/index.js';
export {
  AckInterceptor,
  HandlerConfigurationError,
  InvalidPayloadError,
  JetStreamContext,
  JsConsumer,
  JsHeaders,
  JsMessage,
  JsMetadata,
  JsSubject,
  KvContext,
  KvWatch,
  RetryMessage,
  TerminateMessage,
  DEAD_LETTER_HEADERS,
  DEAD_LETTER_STREAM,
  DEAD_LETTER_SUBJECT,
  type AckMode,
  type ConfigurationProblem,
  type HandlerDefaults,
  type JsConsumerOptions,
  type KvWatchOptions,
  type RetryOptions,
  type SettlementPolicy,
} from './handlers/index.js';
export * from './jetstream/index.js';
export * from './jetstream.module.js';
export * from './key-value/index.js';
export {
  DEFAULT_CONNECTION,
  getJetStreamToken,
  getKeyValueServiceToken,
  getKeyValueToken,
  getNatsConnectionToken,
  getObjectStoreServiceToken,
  getObjectStoreToken,
  getStreamToken,
  InjectJetStream,
  InjectKeyValue,
  InjectNatsConnection,
  InjectObjectStore,
  InjectStream,
  type JetStreamFeatureOptions,
  type JetStreamModuleExtras,
  type JetStreamModuleOptions,
  type JetStreamOptionsFactory,
} from './module/index.js';
export * from './object-store/index.js';
export { Requests, type ReplyHandler, type RequestOptions } from './requests/index.js';
