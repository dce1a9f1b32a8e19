export {
  checkPushOptions,
  type ConsumeCallback,
  type Consumption,
  type PushConsumeOptions,
} from './consumption.js';
export { DeliveredSubjects } from './delivered-subjects.js';
export {
  type FetchNoWaitOptions,
  type FetchOptions,
  type FetchRequest,
  toFetchRequest,
  toNoWaitRequest,
} from './fetch-options.js';
export { LoopConsumption } from './loop-consumption.js';
export { MessageBatch } from './message-batch.js';
export { checkMessagesOptions, Messages, type MessagesOptions, type NextOptions } from './messages.js';
export { OrderedLoop, type OrderedSource, type RecreatedConsumer } from './ordered-loop.js';
export { PinId } from './pin-id.js';
export { PullLoop, type PullLoopOptions } from './pull-loop.js';
export {
  checkConsumeOptions,
  checkOnError,
  priorityOf,
  type PriorityOptions,
  type PullOptions,
  type PullSize,
  requireOpen,
  toPullLoopOptions,
} from './pull-options.js';
export { PushLoop } from './push-loop.js';
export type { LoopOwner, OpenLoop, ReceiveLoop, ReceivingFrom } from './receive-loop.js';
export { requestLimits } from './request-limits.js';
export { Ring } from './ring.js';
export { VerifiedLoop } from './verified-loop.js';
