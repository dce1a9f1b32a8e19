import { addHandler, type HandlerMethodDecorator } from './handler-metadata.js';
import type { JsConsumerOptions } from './js-consumer-options.interface.js';

/**
 * Handles the messages of a JetStream consumer: the method is called for each, and what it returns or throws decides
 * what becomes of the message (see {@link AckInterceptor}).
 *
 * The consumer is created at bootstrap (or compared, or left alone: `provisioning` of the module). Mistakes in the
 * options stop the boot with a {@link HandlerConfigurationError} that lists them all.
 *
 * @example
 * ```ts
 * @JsConsumer({ stream: 'ORDERS', durable: 'billing', filterSubjects: ['orders.created'], concurrency: 32 })
 * async onCreated(@Payload() order: Order, @Ctx() context: JetStreamContext) {}
 * ```
 */
export function JsConsumer(options: JsConsumerOptions): HandlerMethodDecorator {
  return addHandler({ kind: 'consumer', options });
}
