import { readParams, type HandlerMethod } from '../compile/index.js';
import { MESSAGE_PARAMS } from '../decorators/index.js';

/** What a handler is called for, where it is not one message of a stream, and what to ask for instead. */
const INSTEAD = {
  batch: 'a batch has several: take `@Ctx() context: JetStreamBatchContext` and its `messages`',
  'kv-watch': 'there is none behind a key: take `@Ctx() context: KvContext`',
  'object-watch': 'there is none behind an object: take `@Ctx() context: ObjectContext`',
  subscribe: 'core NATS has none: take `@Ctx() context: NatsSubscribeContext`',
  event: 'there is none behind an event: take `@Ctx() context: EventContext`',
} as const;

/** Finds parameters that ask a message of a stream where there is none, or several. */
export function checkParams(
  { target, method, callback }: HandlerMethod,
  handled: keyof typeof INSTEAD,
): readonly string[] {
  return readParams(target, method, callback).flatMap(({ factory }) => {
    const decorator = MESSAGE_PARAMS.get(factory);
    // What core NATS has too is the same there.
    if (decorator === undefined || (handled === 'subscribe' && decorator !== '@JsMetadata')) return [];
    return [`${decorator} reads from a message of a stream, and ${INSTEAD[handled]}`];
  });
}
