import { grouped } from '../model/grouped.js';
import type { History } from '../model/history.js';
import type { KeyOperation } from '../model/notes.js';
import { LeaderChanges } from './leader-changes.js';
import { Register, type Step, UndecidedError } from './register.js';
import type { Violation } from './violation.js';

/**
 * The operations on each key of a bucket are linearizable: there is an order in which each takes effect at one moment between
 * its invocation and its return, and in which every result is that of a register with compare-and-set. Operations of an unknown
 * outcome may take effect at any later time, or not at all. Revisions grow with that order.
 *
 * Consistent reads and refusals are not checked while there may be two leaders: until it learns that it was replaced, a leader of
 * nats-server answers with what it has. It cannot write anything.
 */
export function checkKeys(history: History): Violation[] {
  const leaders = new LeaderChanges(history, 'KV_registers');
  const isChecked = ({ operation, outcome, invoked, returned }: KeyOperation): boolean =>
    (operation !== 'get' && outcome !== 'refused') || !leaders.during(invoked, returned);
  return [...grouped(history.keyOperations(), ({ key }) => key)].flatMap(([key, operations]): Violation[] => {
    const checked = operations.filter(isChecked);
    const problem = problemOf(checked);
    if (problem === undefined) return [];
    const until = firstProblem(checked);
    return [{ promise: 'linearizable', text: `key "${key}": ${problem}`, about: { key, until } }];
  });
}

/** The time until which the operations on a key are linearizable, for a history that shows the problem and no more. */
function firstProblem(operations: readonly KeyOperation[]): number {
  const times = operations.map(({ returned }) => returned).toSorted((a, b) => a - b);
  let correct = 0;
  let wrong = times.length - 1;
  while (wrong - correct > 1) {
    const middle = (correct + wrong) >> 1;
    if (problemOf(knownAt(operations, times[middle])) === undefined) correct = middle;
    else wrong = middle;
  }
  return times[wrong];
}

/** What is known of operations at a time: those that have not returned yet have no outcome. */
function knownAt(operations: readonly KeyOperation[], at: number): KeyOperation[] {
  return operations
    .filter(({ invoked }) => invoked <= at)
    .map((each) => (each.returned <= at ? each : { ...each, outcome: 'unknown', revision: 0 }));
}

/** Why the operations on one key are not linearizable; `undefined` if they are. */
export function problemOf(operations: readonly KeyOperation[]): string | undefined {
  const revisions = new Map<number, number>();
  for (const { value, revision, outcome } of operations) {
    if (outcome !== 'done' || value === null || revision === 0) continue;
    const known = revisions.get(value);
    if (known !== undefined && known !== revision)
      return `value ${value} has the revisions ${known} and ${revision}`;
    revisions.set(value, revision);
  }
  const values = new Map([...revisions].map(([value, revision]) => [revision, value]));
  const steps = operations.flatMap((operation) => stepOf(operation, revisions, values) ?? []);
  try {
    return isLinearizable(steps) ? undefined : `no order explains its ${steps.length} operations`;
  } catch (error) {
    if (!(error instanceof UndecidedError)) throw error;
    return `${steps.length} operations: ${error.message}`;
  }
}

/**
 * Whether an order explains the steps. Most writes of an unknown outcome have not happened, or no operation has noticed them, so at first
 * they are left out: with each one, the number of possible orders doubles.
 */
function isLinearizable(steps: readonly Step[]): boolean {
  const isNoticed = (step: Step): boolean => step.kind !== 'write' || step.isCertain || step.revision > 0;
  const noticed = steps.filter(isNoticed);
  return (
    new Register(noticed).isLinearizable() ||
    (noticed.length < steps.length && new Register(steps).isLinearizable())
  );
}

/** An operation as a step of a register; `undefined` if it says nothing about it. */
function stepOf(
  operation: KeyOperation,
  revisions: ReadonlyMap<number, number>,
  values: ReadonlyMap<number, number>,
): Step | undefined {
  const { invoked, returned, outcome, value, revision, expected } = operation;
  const isWrite = operation.operation !== 'get';
  if (outcome === 'unknown' && !isWrite) return undefined;
  const condition = conditionOf(operation, expected, values);
  if (outcome === 'refused') {
    return condition === undefined ? undefined : { kind: 'refusal', condition, invoked, returned };
  }
  if (!isWrite) return { kind: 'read', value, invoked, returned };
  const isCertain = outcome === 'done';
  return {
    kind: 'write',
    condition,
    value: operation.operation === 'delete' ? null : value,
    // A read may have seen the value of a write whose outcome is unknown.
    revision: value === null ? revision : (revisions.get(value) ?? 0),
    isCertain,
    invoked,
    returned: isCertain ? returned : Infinity,
  };
}

function conditionOf(
  { operation }: KeyOperation,
  expected: number | undefined,
  values: ReadonlyMap<number, number>,
): { readonly value: number | null } | undefined {
  if (operation === 'create') return { value: null };
  const value = expected === undefined ? undefined : values.get(expected);
  return value === undefined ? undefined : { value };
}
