import { readParams, type HandlerMethod } from '../compile/index.js';
import { MESSAGE_PARAMS } from '../decorators/index.js';

/** The input of handlers that do not handle one message of a stream, and the parameter to use instead. */
const INSTEAD = {
  batch: 'a batch has several: use `@Ctx() context: JetStreamBatchContext` and its `messages`',
  'kv-watch': 'a key-value entry is not one: use `@Ctx() context: KvContext`',
  'object-watch': 'an object is not one: use `@Ctx() context: ObjectContext`',
  subscribe: 'a core NATS message is not one: use `@Ctx() context: NatsSubscribeContext`',
  event: 'an event is not one: use `@Ctx() context: EventContext`',
} as const;

/** Finds parameters that need a message of a stream, on handlers that receive none or several. */
export function checkParams(
  { target, method, callback }: HandlerMethod,
  handled: keyof typeof INSTEAD,
): readonly string[] {
  return readParams(target, method, callback).flatMap(({ factory }) => {
    const decorator = MESSAGE_PARAMS.get(factory);
    // Parameters that exist in core NATS too have the same meaning there.
    if (decorator === undefined || (handled === 'subscribe' && decorator !== '@JsMetadata')) return [];
    return [`${decorator} needs a message of a stream, and ${INSTEAD[handled]}`];
  });
}
