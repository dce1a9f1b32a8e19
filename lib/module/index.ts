export { readFeature, readFeatureAsync, readForRoot, readForRootAsync } from './check-options.js';
export { type Declaration, FeatureDeclaration } from './declarations.js';
export { asyncFeatureProviders, featureProviders } from './feature-providers.js';
export type {
  DeclarationFactory,
  JetStreamFeatureAsyncOptions,
  JetStreamFeatureOptions,
  JetStreamModuleExtras,
  JetStreamModuleOptions,
  JetStreamOptionsFactory,
  KeyValueDeclaration,
  KeyValueDeclarationFactory,
  ObjectStoreDeclaration,
  ObjectStoreDeclarationFactory,
  StreamDeclarationFactory,
} from './jetstream-module-options.interface.js';
export { ASYNC_OPTIONS_TYPE, ConfigurableModuleClass, OPTIONS_TYPE } from './module-definition.js';
export {
  DEFAULT_CONNECTION,
  getDeadLettersToken,
  getJetStreamInstancesToken,
  getJetStreamToken,
  getKeyValueServiceToken,
  getKeyValueToken,
  getModuleOptionsToken,
  getNatsConnectionToken,
  getObjectStoreServiceToken,
  getObjectStoreToken,
  getPublisherToken,
  getStreamToken,
  InjectDeadLetters,
  InjectJetStream,
  InjectJetStreamInstances,
  InjectKeyValue,
  InjectKeyValueService,
  InjectNatsConnection,
  InjectObjectStore,
  InjectObjectStoreService,
  InjectPublisher,
  InjectStream,
  type Token,
} from './tokens.js';
