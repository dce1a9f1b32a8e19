import type {
  BatchOptions,
  JetStreamBatchContext,
  JsConsumerOptions,
  PullJsConsumerOptions,
  SchemaOutput,
} from '../../consuming/index.js';
import type { ResolvedOptions } from '../options/index.js';
import { addClassHandler, addHandler, type HandlerMethodDecorator } from './handler-metadata.js';

/** A decorator of methods, and of classes whose methods are decorated with {@link JsHandler}. */
type JsConsumerDecorator = HandlerMethodDecorator &
  ((target: abstract new (...args: never[]) => object) => void);

/** A decorator of methods with certain parameters. */
type CheckedDecorator<Method extends (...args: never[]) => unknown> = <M extends Method>(
  target: object,
  method: string | symbol,
  descriptor: TypedPropertyDescriptor<M>,
) => void;

type PayloadMethod<Payload> = (payload: Payload, ...rest: never[]) => unknown;

/** A method whose first parameter accepts an array of payloads, or the context of a batch. */
type BatchMethod<Payload> = PayloadMethod<Payload[]> | PayloadMethod<JetStreamBatchContext>;

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
export function JsConsumer(
  options: JsConsumerOptions | ResolvedOptions<JsConsumerOptions>,
): JsConsumerDecorator;
export function JsConsumer(
  options: JsConsumerOptions | ResolvedOptions<JsConsumerOptions>,
): JsConsumerDecorator {
  return (target: object, method?: string | symbol, descriptor?: PropertyDescriptor) => {
    if (method === undefined) addClassHandler(target, options);
    // A property has no descriptor; this mistake is reported at bootstrap.
    else addHandler({ kind: 'consumer', options })(target, method, descriptor as PropertyDescriptor);
  };
}
