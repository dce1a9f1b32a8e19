export {
  NatsServerChecksumError,
  NatsServerNotFoundError,
  NatsServerStartError,
  type NatsServerSearchStep,
} from './errors.js';
export { NatsTestCluster, type NatsTestClusterOptions } from './nats-test-cluster.js';
export { NatsTestProxy } from './nats-test-proxy.js';
export type { NatsTestProxyDirection } from './proxy-conditions.js';
export { NatsTestServer, type NatsTestServerOptions } from './nats-test-server.js';
export type { NatsServerConfig } from './server-config.js';
