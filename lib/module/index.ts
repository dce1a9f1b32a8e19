export { checkFeatureOptions, readForRoot, readForRootAsync } from './check-options.js';
export { FeatureDeclaration } from './declarations.js';
export { featureProviders } from './feature-providers.js';
export type {
  JetStreamFeatureOptions,
  JetStreamModuleExtras,
  JetStreamModuleOptions,
  JetStreamOptionsFactory,
  KeyValueDeclaration,
  ObjectStoreDeclaration,
} from './jetstream-module-options.interface.js';
export { ASYNC_OPTIONS_TYPE, ConfigurableModuleClass, OPTIONS_TYPE } from './module-definition.js';
export {
  DEFAULT_CONNECTION,
  getDeadLettersToken,
  getJetStreamToken,
  getKeyValueServiceToken,
  getKeyValueToken,
  getNatsConnectionToken,
  getObjectStoreServiceToken,
  getObjectStoreToken,
  getStreamToken,
  InjectDeadLetters,
  InjectJetStream,
  InjectKeyValue,
  InjectNatsConnection,
  InjectObjectStore,
  InjectStream,
} from './tokens.js';
