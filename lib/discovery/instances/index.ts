export {
  type ControlOptions,
  type ControlResult,
  INSTANCES_CALLS,
  JetStreamInstances,
  type ListInstancesOptions,
  type OwnService,
} from './jetstream-instances.js';
export type { ServiceEndpoint, ServiceInstance, ServiceInstances } from './service-instance.js';
