export {
  AccessCheck,
  type AsyncApiAccess,
  type AsyncApiAccessContext,
  type AsyncApiAccessRule,
  type AsyncApiAction,
} from './access.js';
export { TryItRefusal } from './refusal.js';
export { TryIt } from './try-it.js';
export { type AsyncApiTryItOptions, TRY_IT_OPTIONS } from './try-it-options.js';
