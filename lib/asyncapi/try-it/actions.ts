import type { AsyncApiAction } from './access.js';

/** The actions, without reading the page. */
export type TryItAction = Exclude<AsyncApiAction, 'read'>;

export const TRY_IT_ACTIONS: readonly TryItAction[] = ['publish', 'request', 'dry-run', 'messages'];

/** The limits of actions, with their defaults. */
export interface TryItLimits {
  /** In bytes. */
  readonly maxPayload: number;
  readonly maxMessages: number;
  /** In milliseconds. */
  readonly timeout: number;
}
