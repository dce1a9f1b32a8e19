import type { BatchOptions, JsConsumerOptions, PullJsConsumerOptions } from '../../consuming/index.js';
import {
  type Contracts,
  type EachOf,
  isMessageContract,
  type MessageContract,
  type PayloadOf,
  type SchemaOutput,
} from '../../contracts/index.js';
import { shown } from '../../reporting/index.js';
import { isArray } from '../../validation/index.js';
import type {
  MessageConsumerOptions,
  PullMessageConsumerOptions,
  ResolvedOptions,
} from '../options/index.js';
import type { BatchMethod, CheckedDecorator, PayloadMethod } from './checked-decorator.js';
import {
  addClassHandler,
  addHandler,
  type DeclaredConsumer,
  type DeclaredConsumerOptions,
  type HandlerMethodDecorator,
} from './handler-metadata.js';

/** A decorator of classes whose methods are decorated with {@link JsHandler}. */
type ClassConsumerDecorator = (target: abstract new (...args: never[]) => object) => void;

/** A decorator of methods, and of classes whose methods are decorated with {@link JsHandler}. */
type JsConsumerDecorator = HandlerMethodDecorator & ClassConsumerDecorator;

/**
 * Handles the messages of a JetStream consumer: the method is called for each message, and its result or error decides
 * how the message is settled (see {@link MessageSettlement}). On a class, the methods decorated with {@link JsHandler}
 * share one consumer, each for its own subjects.
 *
 * The consumer is created at bootstrap. With the default `provisioning` of the module, `ensure`, a durable consumer
 * that exists is updated to these options, also while another application uses it: do not use one durable with
 * different options in two applications. `assert` fails the startup instead, and `off` uses the consumer as it is; see
 * {@link Provisioning}. If options are invalid, the startup fails with a {@link HandlerConfigurationError} that lists
 * them all.
 *
 * Options may be inherited, as with instances of a class with accessors. An option that is `undefined` is treated as
 * not set.
 *
 * The options can also be created at bootstrap by a factory with injected providers, or be looked up by name in the
 * module's `handlers.consumers`.
 *
 * With a `schema`, TypeScript checks that the method's first parameter accepts the output of the schema; with `batch`,
 * that it accepts an array, or the {@link JetStreamBatchContext}.
 *
 * @example
 * ```ts
 * @JsConsumer({ stream: 'ORDERS', durable: 'billing', filterSubjects: ['orders.created'], concurrency: 32 })
 * async onCreated(@Payload() order: Order, @Ctx() context: JetStreamContext) {}
 *
 * @JsConsumer({ inject: [ConfigService], useFactory: (config: ConfigService) => config.getOrThrow('billing') })
 * async onPaid(@Payload() payment: Payment) {}
 * ```
 */
export function JsConsumer<
  Options extends PullJsConsumerOptions & { readonly batch: BatchOptions; readonly schema: object },
>(options: Options): CheckedDecorator<BatchMethod<SchemaOutput<Options['schema']>>>;
export function JsConsumer(
  options: PullJsConsumerOptions & { readonly batch: BatchOptions },
): CheckedDecorator<BatchMethod<never>>;
export function JsConsumer<Options extends JsConsumerOptions & { readonly schema: object }>(
  options: Options,
): CheckedDecorator<PayloadMethod<SchemaOutput<Options['schema']>>>;
/**
 * Handles messages by their contracts: stream, filter and schema follow from them. Several contracts share one consumer
 * (nats-server 2.10); their payloads are a union, and `@JsReceived` distinguishes them. TypeScript checks that the
 * method's first parameter accepts the payload; `@JsParams` are the parameters of the subject.
 *
 * The stream is the one that stores all messages of the contracts; if the user of the connection has no permission to
 * list streams, it must be declared by this application, or be named by the option `stream`.
 *
 * @example
 * ```ts
 * @JsConsumer(OrderPlaced, { durable: 'billing' })
 * async onPlaced(
 *   @Payload() order: PayloadOf<typeof OrderPlaced>,
 *   @JsParams(OrderPlaced) { id }: ParamsOf<typeof OrderPlaced>,
 * ) {}
 * ```
 */
export function JsConsumer<const Given extends Contracts>(
  messages: Given,
  options: PullMessageConsumerOptions & { readonly batch: BatchOptions },
): CheckedDecorator<BatchMethod<PayloadOf<EachOf<Given>>>>;
export function JsConsumer<const Given extends Contracts>(
  messages: Given,
  options: MessageConsumerOptions,
): CheckedDecorator<PayloadMethod<PayloadOf<EachOf<Given>>>> & ClassConsumerDecorator;
export function JsConsumer<const Given extends Contracts>(
  messages: Given,
  options: ResolvedOptions<MessageConsumerOptions>,
): CheckedDecorator<PayloadMethod<PayloadOf<EachOf<Given>>> | BatchMethod<PayloadOf<EachOf<Given>>>> &
  ClassConsumerDecorator;
export function JsConsumer(
  options: JsConsumerOptions | ResolvedOptions<JsConsumerOptions>,
): JsConsumerDecorator;
export function JsConsumer(
  first: DeclaredConsumerOptions | Contracts,
  second?: DeclaredConsumerOptions,
): JsConsumerDecorator {
  const consumer = read(first, second);
  return (target: object, method?: string | symbol, descriptor?: PropertyDescriptor) => {
    if (method === undefined) addClassHandler(target, consumer);
    // A property has no descriptor; this mistake is reported at bootstrap.
    else addHandler({ kind: 'consumer', ...consumer })(target, method, descriptor as PropertyDescriptor);
  };
}

/** Callers without types may pass anything, and a contract is `undefined` in a cycle of imports. */
function read(
  first: DeclaredConsumerOptions | Contracts,
  second: DeclaredConsumerOptions | undefined,
): DeclaredConsumer {
  const given: readonly unknown[] = isArray(first) ? first : [first];
  if (second === undefined && !given.some(isMessageContract)) {
    return { options: first as DeclaredConsumerOptions };
  }
  const contracts = given.filter((each): each is MessageContract => isMessageContract(each));
  const mistakes =
    given.length === 0 ? ['the list of messages of @JsConsumer is empty: name at least one'] : [];
  for (const each of given) {
    if (isMessageContract(each)) continue;
    mistakes.push(
      `the messages of @JsConsumer must be contracts of defineMessage; one is ${shown(each)}` +
        (each === undefined ? ': check for a cycle of imports' : ''),
    );
  }
  return { options: second ?? {}, contracts, mistakes };
}
