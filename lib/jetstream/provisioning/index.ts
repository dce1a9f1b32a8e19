export { type DeclaredResource, DeclaredResources } from './declared-resources.js';
export { existingStream } from './existing-stream.js';
export { provisioningRule, STREAM_DECLARATION_OPTIONS } from './known-options.js';
export { provisionConsumer, provisionPushConsumer } from './provision-consumer.js';
export {
  keepSubjects,
  provisionStream,
  type StreamDeclaration,
  streamConfigOf,
  type SubjectPolicy,
} from './provision-stream.js';
export {
  configDifferences,
  describeDifferences,
  mergedConfig,
  type OnProvisioned,
  type Provisioning,
  type ProvisioningOutcome,
  sameConfig,
} from './provisioning.js';
