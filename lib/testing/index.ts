export type {
  NatsTestAccessOptions,
  NatsTestAccount,
  NatsTestAccountLimits,
  NatsTestJetStreamLimits,
  NatsTestPermissions,
  NatsTestSubjects,
  NatsTestTlsOptions,
  NatsTestUser,
} from './access-options.js';
export {
  NatsServerChecksumError,
  NatsServerNotFoundError,
  NatsServerStartError,
  type NatsServerSearchStep,
} from './errors.js';
export { NatsTestCluster, type NatsTestClusterOptions } from './nats-test-cluster.js';
export { NatsTestProxy } from './nats-test-proxy.js';
export { NatsTestServer, type NatsTestRestartOptions } from './nats-test-server.js';
export type { NatsTestProxyDirection } from './proxy-conditions.js';
export type { NatsTestConnectionOptions, NatsTestTls } from './server-access.js';
export type { NatsServerConfig } from './server-config.js';
export type { NatsTestLeafOptions, NatsTestServerOptions } from './server-options.js';
export {
  type DeadLetteredMessage,
  type DeadLetteredMessageOf,
  type DeadLetterMatcher,
  type DeadLetterSelector,
  type ExpectedHandled,
  type ExpectNothingOptions,
  type ExpectNothingPublishedOptions,
  type HandledMatcher,
  type HandledMessage,
  type HandledMessageOf,
  type HandledSelector,
  type HandlerSpy,
  jetStreamMatchers,
  type JetStreamMatchers,
  JetStreamTestKit,
  type ParamsMatcher,
  type PendingWork,
  type PublishedMessage,
  type SettledOptions,
  type SpyResult,
  type TestConnectionOption,
  TestKitAssertionError,
  TestKitFlow,
  TestKitHandlerError,
  type TestFlow,
  type TestKitOptions,
  TestKitTimeoutError,
  type TestMessageOptions,
  type TestModuleBuilder,
  type TestPublishOptions,
  type TestWaitOptions,
} from './kit/index.js';
