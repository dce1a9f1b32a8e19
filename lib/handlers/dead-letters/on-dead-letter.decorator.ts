import { createHash } from 'node:crypto';
import { readOptions } from '../../validation/index.js';
import { addHandler, type HandlerMethodDecorator, type PullJsConsumerOptions } from '../decorators/index.js';
import { ON_DEAD_LETTER_OPTIONS } from '../options/index.js';
import { filterText, type DeadLetterFilter } from './dead-letter-filter.js';
import { DEAD_LETTER_STREAM, DEAD_LETTER_SUBJECT } from './dead-letter-headers.js';

/** Which dead letters a handler of {@link OnDeadLetter} gets, and how they are handled. */
export interface OnDeadLetterOptions
  extends
    Omit<DeadLetterFilter, 'since' | 'until'>,
    Pick<
      PullJsConsumerOptions,
      'ackInterceptor' | 'ackMode' | 'ackWait' | 'concurrency' | 'connection' | 'maxProcessingTime' | 'retry'
    > {
  /**
   * The name of its durable consumer of the dead-letter stream, which the instances of a service share. Default: class and
   * method, such as `Alerts-onDeadLetter`, and if only some dead letters are taken a few characters that stand for which. Give
   * a name if another service has a class of the same name that takes the same: each dead letter would reach one of them.
   */
  readonly durable?: string | undefined;
  /** Where to start when the consumer is made: with the next dead letter, or with all that are there. Default `new`. */
  readonly deliverPolicy?: 'new' | 'all' | undefined;
}

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
