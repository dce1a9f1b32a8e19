export type {
  AsyncApiAccess,
  AsyncApiAccessCheck,
  AsyncApiAccessContext,
  AsyncApiAccessRule,
  AsyncApiAction,
} from './access.js';
export { TryItRefusal } from './refusal.js';
export { TryIt } from './try-it.js';
export { type AsyncApiTryItOptions, TRY_IT_OPTIONS } from './try-it-options.js';
