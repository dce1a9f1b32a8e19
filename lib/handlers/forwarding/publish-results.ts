import { concatMap, isObservable, lastValueFrom } from 'rxjs';
import { messageIdentity, type JetStreamMessage } from '../../jetstream/index.js';
import type { CompiledHandler } from '../compile/index.js';
import type { ResultTarget } from './result-target.js';

/**
 * Stands between a message and its handler: publishes what the handler returns or yields, one value after another, and
 * ends when the targets' streams have it all. A handler that returns `undefined` at once costs a comparison.
 *
 * What cannot be published fails the handler; the next delivery publishes it, and what was published before is not
 * stored twice, for its message id is the same.
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
  const value = await result;
  if (value === undefined) return;
  const id = resultId(message);
  if (isObservable(value)) {
    const published = value.pipe(
      concatMap((each, index) => publishOne(each, message, `${id}.${index}`, targets)),
    );
    return lastValueFrom(published, { defaultValue: undefined });
  }
  if (!isSequence(value)) return publishOne(value, message, id, targets);
  let index = 0;
  for await (const each of value) await publishOne(each, message, `${id}.${index++}`, targets);
}

async function publishOne(
  value: unknown,
  message: JetStreamMessage,
  id: string,
  targets: readonly ResultTarget[],
): Promise<void> {
  if (value === undefined) return;
  // Streams compare ids whatever the subject, and two targets may be subjects of one stream.
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

/** Whether a result stands for several values. Text and bytes, though iterable, are one. */
function isSequence(value: unknown): value is Iterable<unknown> | AsyncIterable<unknown> {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return false;
  return Symbol.iterator in value || Symbol.asyncIterator in value;
}
