import type { History } from '../model/history.js';
import type { Form } from '../model/forms.js';

/** Something that a history shows and that must not happen. */
export interface Violation {
  /** The promise that was broken. */
  readonly promise: string;
  readonly text: string;
  /** The events to look at: those of a message, of a key, or of a lock. */
  readonly about?:
    | { readonly form: Form; readonly ids: readonly number[] }
    /** The operations that began until then cannot be explained. */
    | { readonly key: string; readonly until: number }
    | { readonly resource: string; readonly fences: readonly number[] }
    | undefined;
}

/** Looks for one kind of violation; it depends on the history alone. */
export type Checker = (history: History) => Violation[];

/**
 * Identifies a stored message by its sequence and the time at which it was stored, because sequences start again when a stream
 * is created again.
 */
export function placeOf(sequence: number, storedAt: number): number {
  // A whole number below 2^53: two messages differ unless 4,096 are stored in one millisecond.
  return Math.floor(storedAt) * 4_096 + (sequence % 4_096);
}
