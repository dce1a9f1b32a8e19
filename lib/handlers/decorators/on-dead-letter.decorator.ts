import { createHash } from 'node:crypto';
import {
  DEAD_LETTER_STREAM,
  DEAD_LETTER_SUBJECT,
  type DeadLetterFilter,
  filterText,
} from '../../consuming/index.js';
import { readOptions } from '../../validation/index.js';
import { ON_DEAD_LETTER_OPTIONS, type OnDeadLetterOptions } from '../options/index.js';
import { addHandler, type HandlerMethodDecorator } from './handler-metadata.js';

const DEFAULT_MAX_DELIVER = 5;

/**
 * Handles new dead letters: all of them, or those that match the options. `@Payload()` is the original payload, or its
 * bytes if it cannot be decoded; `@Ctx()` a {@link DeadLetterContext}.
 *
 * The handler has a consumer, as with {@link JsConsumer}, and its result or error decides in the same way how the
 * message is settled: a failed message is retried, with 5 deliveries by default. Dead letters do not create further
 * dead letters: if one cannot be handled, it is reported and stays in the dead-letter stream.
 *
 * @example
 * ```ts
 * @OnDeadLetter({ stream: 'ORDERS' })
 * async onDeadLetter(@Payload() order: Order, @Ctx() { deadLetter }: DeadLetterContext) {
 *   await this.pager.alert(`${deadLetter.handler} gave up order ${order.id}: ${deadLetter.error}`);
 * }
 * ```
 */
export function OnDeadLetter(options: OnDeadLetterOptions = {}): HandlerMethodDecorator {
  const { options: read, problems } = readOptions<OnDeadLetterOptions>(options, ON_DEAD_LETTER_OPTIONS);
  const { stream, consumer, handler, reason, subject, deliverPolicy = 'new', ...consuming } = read;
  return (target, method, descriptor) =>
    addHandler({
      kind: 'consumer',
      options: {
        durable: defaultDurable(target.constructor.name, String(method), read),
        ...consuming,
        stream: DEAD_LETTER_STREAM,
        filterSubjects: `${DEAD_LETTER_SUBJECT}.${stream ?? '*'}.${consumer ?? '*'}`,
        deliverPolicy,
        retry: { maxDeliver: DEFAULT_MAX_DELIVER, ...consuming.retry },
      },
      deadLetters: { stream, consumer, handler, reason, subject },
      mistakes: problems.map(({ sentence }) => sentence),
    })(target, method, descriptor);
}

/**
 * Services may have classes with the same name; handlers that receive different dead letters must not share a consumer.
 */
function defaultDurable(target: string, method: string, filter: DeadLetterFilter): string {
  const text = filterText(filter);
  const name = `${target}-${method}`;
  return text === '' ? name : `${name}-${createHash('sha256').update(text).digest('hex').slice(0, 8)}`;
}
