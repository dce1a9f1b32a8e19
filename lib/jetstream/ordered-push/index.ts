export type { OrderedPushConfig, OrderedPushStart, OrderedPushStarted } from './ordered-push-config.js';
export { OrderedPush, type OrderedPushOwner } from './ordered-push.js';
