export { DISCOVERY_OPTIONS, type DiscoveryOptions } from './discovery-options.js';
export {
  type ControlOptions,
  type ControlResult,
  INSTANCES_CALLS,
  JetStreamInstances,
  type ListInstancesOptions,
  type OwnService,
  type ServiceEndpoint,
  type ServiceInstance,
  type ServiceInstances,
} from './instances/index.js';
export type { HandlerReport, ServiceIdentity } from './service-messages.js';
