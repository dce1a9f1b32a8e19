import type { JsConsumerOptions, SchemaOutput } from '../../consuming/index.js';
import type { ResolvedOptions } from '../options/index.js';
import { addClassHandler, addHandler, type HandlerMethodDecorator } from './handler-metadata.js';

/** A decorator of methods, and of classes whose methods are decorated with {@link JsHandler}. */
type JsConsumerDecorator = HandlerMethodDecorator &
  ((target: abstract new (...args: never[]) => object) => void);

/** A decorator of methods whose first parameter must take what the schema makes. */
type CheckedDecorator<Payload> = <M extends (payload: Payload, ...rest: never[]) => unknown>(
  target: object,
  method: string | symbol,
  descriptor: TypedPropertyDescriptor<M>,
) => void;

/**
 * Handles the messages of a JetStream consumer: the method is called for each, and what it returns or throws decides
 * what becomes of the message (see {@link MessageSettlement}). On a class, the methods decorated with {@link JsHandler}
 * share one consumer, each for its subjects.
 *
 * The consumer is created at bootstrap. With the default `provisioning` of the module, `ensure`, a durable consumer that
 * exists is updated to these options, also while another application uses it: two applications must not use one durable
 * with different options. `assert` stops the boot instead, and `off` takes the consumer as it is; see {@link Provisioning}.
 * Mistakes in the options stop the boot with a {@link HandlerConfigurationError} that lists them all.
 *
 * Options may be inherited, as with instances of a class with accessors. An option that is `undefined` counts as left out.
 *
 * The options can also be made at bootstrap from what is injected, or be looked up by a name among the module's
 * `handlers.consumers`.
 *
 * With a `schema` the method's first parameter is checked to take what the schema makes.
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
export function JsConsumer<Options extends JsConsumerOptions & { readonly schema: object }>(
  options: Options,
): CheckedDecorator<SchemaOutput<Options['schema']>>;
export function JsConsumer(
  options: JsConsumerOptions | ResolvedOptions<JsConsumerOptions>,
): JsConsumerDecorator;
export function JsConsumer(
  options: JsConsumerOptions | ResolvedOptions<JsConsumerOptions>,
): JsConsumerDecorator {
  return (target: object, method?: string | symbol, descriptor?: PropertyDescriptor) => {
    if (method === undefined) addClassHandler(target, options);
    // A property has no descriptor; that is reported at bootstrap.
    else addHandler({ kind: 'consumer', options })(target, method, descriptor as PropertyDescriptor);
  };
}
