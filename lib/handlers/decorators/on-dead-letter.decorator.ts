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
 * Called for each new dead letter, or for those that fit. `@Payload()` is the original payload, or its bytes where it
 * cannot be decoded; `@Ctx()` a {@link DeadLetterContext}.
 *
 * It is a consumer as with {@link JsConsumer}, and what it returns or throws decides in the same way what becomes of the
 * message: it is retried, 5 deliveries by default. There are no dead letters of dead letters: one that was not handled is
 * reported, and stays where it is.
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

/** Services name their classes alike: those that take different dead letters must not share a consumer. */
function defaultDurable(target: string, method: string, filter: DeadLetterFilter): string {
  const text = filterText(filter);
  const name = `${target}-${method}`;
  return text === '' ? name : `${name}-${createHash('sha256').update(text).digest('hex').slice(0, 8)}`;
}
