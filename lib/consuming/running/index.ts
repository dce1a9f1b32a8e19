export { BatchRunner, type MessageBatchInput } from './batch-runner.js';
export { CleanScope } from './clean-scope.js';
export { ConsumerHandler, type OnCircuit } from './consumer-handler.js';
export { LONGEST_DRAIN, type MessageRunner } from './message-runner.js';
export { createRunner } from './create-runner.js';
export type { ConsumerPosition } from './cumulative-acks.js';
export { ControlledHandler } from './handler-control.js';
export type { HandlerRunner, HandlerState, HandlerStatus, NotStarted } from './handler-runner.js';
export { HeldHandler, type HeldState } from './held-handler.js';
export { retryInPlace } from './in-place-retry.js';
export { MessagePipe } from './message-pipe.js';
export { onMessage, type OnMessageOptions } from './on-message.js';
export {
  decodePayload,
  type PayloadDecoder,
  payloadDecoder,
  requireHeaders,
  schemasOf,
  type SchemaSource,
  separateDecoder,
  validated,
} from './payload-decoder.js';
export type { MessageHandling, Route } from './slot.js';
export { stopInTime } from './stop-in-time.js';
