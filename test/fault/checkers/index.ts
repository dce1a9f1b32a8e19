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

/** Promises that rest on writes with an expected revision. */
const CONDITIONAL: ReadonlySet<string> = new Set(['linearizable', 'one holder', 'one leader', 'one effect']);

/**
 * The violations that all checkers find.
 *
 * nats-server 2.10 and 2.15 in one cluster do not decide in the same way whether such a write is stored: an upgrade under load
 * mostly leaves replicas of a bucket that differ, and that no server repairs. So it proves nothing about these promises.
 */
export function check(history: History): Violation[] {
  const violations = CHECKERS.flatMap((checker) => checker(history));
  const isUpgraded = history.notesOf('fault').some(({ name }) => name === 'rolling-upgrade');
  return isUpgraded ? violations.filter(({ promise }) => !CONDITIONAL.has(promise)) : violations;
}

export { unfinishedOf } from './acknowledgements.js';
export { duplicatesOf, lostOf } from './delivery.js';
export { recoveriesOf } from './recovery.js';
export type { Violation } from './violation.js';
