import type { History } from '../model/history.js';

/** How long it took after each fault until every handler had handled new messages, in milliseconds. */
export function recoveriesOf(history: History): number[] {
  return history.notesOf('fault').map(({ recovery }) => recovery);
}
