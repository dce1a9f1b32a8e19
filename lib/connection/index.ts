export { Boot } from './boot.js';
export { mayNotConnect } from './connect-setting.js';
export type { ConnectionListener } from './connection-events.js';
export {
  type ConnectionOptions,
  connectionRule,
  type ConnectionSource,
  isConnection,
  JETSTREAM_OPTIONS,
  readConnectionOptions,
} from './connection-options.js';
export { type ConnectionStatus, JetStreamConnection, type JetStreamOptions } from './jetstream-connection.js';
export {
  type CallTable,
  deferred,
  direct,
  directOf,
  LazyConnection,
  lazyConnection,
  listing,
  waiting,
} from './lazy/index.js';
export { openConnection } from './open-connection.js';
export type { PostOptions } from './posts.js';
export { compareVersions } from './server-version.js';
export {
  forOneServer,
  isOnTestServer,
  redirected,
  TEST_SHUTDOWN_TIMEOUT,
  type TestSettings,
} from './test-settings.js';
export { toConnectionError } from './to-connection-error.js';
export { unconnected } from './unconnected.js';
export { watchPermissions } from './watch-permissions.js';
export {
  asMsg,
  connect,
  hasValidHeaders,
  hideHeader,
  isDirect,
  isHeaderBlock,
  MessageHeaders,
  rawHeadersOf,
  WireMessage,
} from './wire/index.js';
