export {
  isRecreated,
  type OrderedPushConfig,
  type OrderedPushStart,
  type OrderedPushStarted,
  type StreamOrigin,
} from './ordered-push-config.js';
export { OrderedPush, type OrderedPushOwner } from './ordered-push.js';
