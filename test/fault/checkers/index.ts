import type { History } from '../model/history.js';
import { checkAcknowledgements } from './acknowledgements.js';
import { checkCounters, checkMemory, checkProblems } from './counters.js';
import { checkDelivery } from './delivery.js';
import { checkEffects, checkResults } from './effects.js';
import { checkKeys } from './keys.js';
import { checkOrder, checkReceived } from './order.js';
import { checkPublishes } from './publishes.js';
import { checkTenures } from './tenures.js';
import type { Checker, Violation } from './violation.js';

const CHECKERS: readonly Checker[] = [
  checkDelivery,
  checkPublishes,
  checkAcknowledgements,
  checkOrder,
  checkReceived,
  checkEffects,
  checkResults,
  checkKeys,
  checkTenures,
  checkCounters,
  checkMemory,
  checkProblems,
];

/** The violations that all checkers find. */
export function check(history: History): Violation[] {
  return CHECKERS.flatMap((checker) => checker(history));
}

export { unfinishedOf } from './acknowledgements.js';
export { duplicatesOf, lostOf } from './delivery.js';
export { recoveriesOf } from './recovery.js';
export type { Violation } from './violation.js';
