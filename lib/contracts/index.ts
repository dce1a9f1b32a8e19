export type { PayloadClass } from './class-schema.js';
export { ContractSet } from './contract-set.js';
export { defineMessage } from './define-message.js';
export { FeatureMessages } from './feature-messages.js';
export {
  type Contracts,
  type EachOf,
  isMessageContract,
  MessageContract,
  type ParamsOf,
  type PayloadInputOf,
  type PayloadOf,
  type ReceivedOf,
} from './message-contract.js';
export type {
  InputOfSchema,
  MessageDefinition,
  MessageSchema,
  MessageValidation,
  OutputOfSchema,
} from './message-definition.interface.js';
export {
  MessagePublisher,
  type MessagePublishOptions,
  type MessageSchedule,
  type PublishedOf,
} from './message-publisher.js';
export {
  isStandardSchema,
  type SchemaInput,
  schemaOutcome,
  type SchemaOutput,
  type StandardIssue,
  type StandardResult,
  type StandardSchema,
} from './standard-schema.js';
export { type Coverage, coverageOf, NOT_CONNECTED } from './stream-coverage.js';
export type { NoParams, SubjectFilter, SubjectName, SubjectParams } from './subject-params.js';
export { paramNames } from './subject-template.js';
