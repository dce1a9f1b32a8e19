import { inspect } from 'node:util';
import { isMessageContract } from '../../../contracts/index.js';
import { errorClass, printable } from '../../../reporting/index.js';
import type { HandledMessage, TestFlow } from '../flow.js';

/** The largest number of lines of a list in a message. */
const MOST_LINES = 20;

/** The state of a kit: its tracker. */
interface KitState {
  readonly everything: Pick<TestFlow, 'handled'>;
  /** Messages and actions of the test that failed. */
  readonly failures: readonly { readonly name: string; readonly error: unknown }[];
  describePending(): readonly { readonly text: string }[];
}

/** The pending work, for the message of an error. */
export function pendingText(pending: readonly { readonly text: string }[]): string {
  if (pending.length === 0) return 'Nothing is pending.';
  return `Still pending:${lines(pending.map(({ text }) => text))}`;
}

/** The deliveries so far, for the message of an error. */
export function soFar({ handled }: Pick<TestFlow, 'handled'>): string {
  if (handled.length === 0) return 'Nothing was handled so far.';
  return `Handled so far:${lines(handled.map((each) => describeHandled(each)))}`;
}

/** What is pending, and what happened so far, for the message of an error. */
export function stateOf(kit: KitState): string {
  const { everything, failures } = kit;
  const failed = failures.map(({ name, error }) => `${name}: ${shownValue(error)}`);
  const text = `${pendingText(kit.describePending())}\n${soFar(everything)}`;
  return failed.length === 0 ? text : `${text}\nFailed so far:${lines(failed)}`;
}

/** One delivery, for the message of an error. */
export function describeHandled(message: HandledMessage): string {
  const { handler, subject, outcome, deliveryCount, failed, error, payload } = message;
  const how = failed ? `, failed with ${shownValue(error)}` : '';
  return `${handler}: "${printable(subject)}" ${outcome} in delivery ${deliveryCount}${how}, payload ${shownValue(payload)}`;
}

/** A value in one line. It may come from code of the application: its getters may throw. */
export function shownValue(value: unknown): string {
  if (isMessageContract(value)) return `"${value.template}"`;
  try {
    if (value instanceof Error) return `${String(value.name)}: ${String(value.message)}`;
    const text = inspect(value, {
      depth: 4,
      breakLength: Infinity,
      maxArrayLength: 10,
      maxStringLength: 200,
    });
    return text.length > 300 ? `${text.slice(0, 300)}…` : text;
  } catch {
    return `${errorClass(value) ?? 'a value'} that cannot be shown`;
  }
}

function lines(texts: readonly string[]): string {
  const shown = texts.slice(0, MOST_LINES).map((text) => `\n  - ${text}`);
  const more = texts.length - shown.length;
  return shown.join('') + (more > 0 ? `\n  - and ${more} more` : '');
}
