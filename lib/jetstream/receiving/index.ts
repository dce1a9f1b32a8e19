export {
  checkPushOptions,
  type Consumption,
  type MessageHandler,
  type PushConsumeOptions,
} from './consumption.js';
export { toFetchRequest, toNoWaitRequest, type FetchOptions, type FetchRequest } from './fetch-options.js';
export { DeliveredSubjects } from './delivered-subjects.js';
export { LoopConsumption } from './loop-consumption.js';
export * from './message-batch.js';
export * from './messages.js';
export * from './ordered-loop.js';
export { PinId } from './pin-id.js';
export * from './pull-loop.js';
export * from './pull-options.js';
export * from './pull-status.js';
export type { OpenLoop, ReceiveLoop, ReceivingFrom } from './receive-loop.js';
export { PushLoop } from './push-loop.js';
export { requestLimits } from './request-limits.js';
export { Ring } from './ring.js';
export { VerifiedLoop } from './verified-loop.js';
