export { type DecodePayload, FlowTracker, type News, type SentMessage } from './flow-tracker.js';
export { type HandlerGroup, HandlerGroups } from './handler-groups.js';
export { KitInstrument } from './kit-instrument.js';
export { checkHandlerName, checkHandlerOfFlow } from './known-handlers.js';
export { decodeWith } from './payloads.js';
export type { PendingDelivery } from './pending-delivery.js';
export { realTimeout, warnOfFakeTimers } from './real-timers.js';
export type { Pending, RunningFlow } from './running-flow.js';
export { Wait } from './wait.js';
