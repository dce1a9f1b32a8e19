export * from './boot.js';
export * from './connection-events.js';
export {
  connectionRule,
  isConnection,
  readConnectionOptions,
  JETSTREAM_OPTIONS,
  type ConnectionOptions,
  type ConnectionSource,
  type WireChoice,
} from './connection-options.js';
export * from './jetstream-connection.js';
export * from './open-connection.js';
export type { PostOptions } from './posts.js';
export * from './server-version.js';
export * from './to-connection-error.js';
export * from './watch-permissions.js';
export * from './wire/index.js';
