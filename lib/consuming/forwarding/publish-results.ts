import { type JetStreamMessage, messageIdentity } from '../../jetstream/index.js';
import { pendingThenable } from '../../user-code/index.js';
import {
  type CompiledHandler,
  isObservableLike,
  type ObservableLike,
  runToEnd,
  stepsOf,
  subscribeSafely,
} from '../results/index.js';
import type { ResultTarget } from './result-target.js';

/**
 * Wraps a handler: publishes the values that it returns or yields, one after another, and ends when the streams of the
 * targets have stored all of them. For a handler that returns `undefined` at once, the overhead is one comparison.
 *
 * If a value cannot be published, the handler fails. The next delivery publishes the value again, and values that were
 * already published are not stored twice because their message ids are the same.
 */
export function publishResults(
  next: CompiledHandler<JetStreamMessage>,
  targets: readonly ResultTarget[],
): CompiledHandler<JetStreamMessage> {
  return (message) => {
    const result = next(message);
    return result === undefined ? undefined : publishAll(result, message, targets);
  };
}

async function publishAll(
  result: unknown,
  message: JetStreamMessage,
  targets: readonly ResultTarget[],
): Promise<void> {
  const value = await (pendingThenable(result) ?? result);
  if (value === undefined) return;
  const id = resultId(message);
  if (!isSequence(value) && !isObservableLike(value)) return publishOne(value, message, id, targets);
  let index = 0;
  const publishNext = async (each: unknown): Promise<void> => {
    const single = await each;
    // An interceptor may have wrapped the handler's result in an observable. An array in it is one value.
    if (isObservableLike(single)) return observeInTurn(single, publishNext);
    const steps = stepsOf(single);
    if (steps !== undefined) return void (await runToEnd(steps, publishNext));
    return publishOne(single, message, `${id}.${index++}`, targets);
  };
  return inTurn(value, publishNext);
}

type Results = ObservableLike | Iterable<unknown> | AsyncIterable<unknown>;

/** Passes the values of a result to a function one after another, and stops when one of them fails. */
async function inTurn(results: Results, take: (value: unknown) => Promise<void>): Promise<void> {
  if (isObservableLike(results)) return observeInTurn(results, take);
  const steps = stepsOf(results);
  if (steps !== undefined) await runToEnd(steps, take);
  else for (const each of results as Iterable<unknown>) await take(each);
}

function observeInTurn(source: ObservableLike, take: (value: unknown) => Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    let line = Promise.resolve();
    let failed = false;
    const fail = (error: unknown): void => {
      failed = true;
      reject(error);
      try {
        unsubscribe();
      } catch {
        // The result has already failed with an earlier error.
      }
    };
    const unsubscribe = subscribeSafely(source, {
      next: (value) => {
        line = line.then(() => (failed ? undefined : take(value)));
        line.catch(fail);
      },
      // Values that came before the error are still published.
      error: (error) =>
        void line.then(
          () => reject(error),
          () => undefined,
        ),
      complete: () => void line.then(resolve, () => undefined),
    });
  });
}

async function publishOne(
  value: unknown,
  message: JetStreamMessage,
  id: string,
  targets: readonly ResultTarget[],
): Promise<void> {
  if (value === undefined) return;
  // Each target gets its own message id: streams compare ids regardless of the subject, and two targets may be subjects
  // of one stream.
  const publish = (target: ResultTarget, place: number): Promise<void> =>
    target.publish(value, message, place === 0 ? id : `${id}/${place}`);
  await Promise.all(targets.map(publish));
}

/** The message id of a result: the same for every delivery of a message to a consumer. */
function resultId({ metadata }: JetStreamMessage): string {
  const { domain, stream, consumer, streamSequence, timestamp } = metadata;
  const origin = domain === '' ? stream : `${domain}:${stream}`;
  return `${origin}.${consumer}.${messageIdentity(streamSequence, timestamp)}`;
}

/** Whether a result consists of several values. Text and bytes, though iterable, are one value. */
function isSequence(value: unknown): value is Iterable<unknown> | AsyncIterable<unknown> {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return false;
  return Symbol.iterator in value || Symbol.asyncIterator in value;
}
