import { grouped } from '../model/grouped.js';
import type { History } from '../model/history.js';
import type { KeyOperation } from '../model/notes.js';
import { Register, type Step } from './register.js';
import type { Violation } from './violation.js';

/**
 * The operations on each key of a bucket are linearizable: there is an order in which each takes effect at one moment between
 * its invocation and its return, and in which every result is that of a register with compare-and-set. Operations of an unknown
 * outcome may take effect at any later time, or not at all. Revisions grow with that order.
 *
 * Consistent reads are not checked while a fault may have separated a leader from the other servers: until it learns that it
 * was replaced, a leader of nats-server answers with what it has.
 */
export function checkKeys(history: History): Violation[] {
  const staleness = history.notesOf('fault').filter(({ separatesLeaders }) => separatesLeaders);
  const isChecked = ({ operation, outcome, invoked, returned }: KeyOperation): boolean =>
    (operation !== 'get' && outcome !== 'refused') ||
    !staleness.some(({ began, recovered }) => invoked < recovered && returned > began);
  return [...grouped(history.notesOf('key'), ({ key }) => key)].flatMap(([key, operations]): Violation[] => {
    const problem = problemOf(operations.filter(isChecked));
    return problem === undefined
      ? []
      : [{ promise: 'linearizable', text: `key "${key}": ${problem}`, about: { key } }];
  });
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
  return new Register(steps).isLinearizable()
    ? undefined
    : `no order explains its ${steps.length} operations`;
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
