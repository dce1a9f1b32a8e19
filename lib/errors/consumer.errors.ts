import { JetStreamApiError, type ApiErrorBody } from './api.errors.js';
import { JetStreamError } from './jetstream.error.js';

/**
 * The stream has no consumer with this name (code 10014).
 *
 * @remarks Create the consumer, or check its name; consumers without a durable name are removed after
 * `inactiveThreshold`.
 */
export class ConsumerNotFoundError extends JetStreamApiError {
  constructor(
    /** The name of the stream. */
    readonly stream: string,
    /** The name of the consumer. */
    readonly consumer: string,
    body: ApiErrorBody = { code: 404, err_code: 10014, description: 'consumer not found' },
  ) {
    super(
      body,
      `Consumer "${consumer}" not found on stream "${stream}": create it, or check its name. ` +
        'Consumers without a durable name are removed after inactiveThreshold.',
    );
  }
}

/**
 * A consumer with this name exists with a different configuration (code 10148).
 *
 * @remarks Use the `update` or `createOrUpdate` method to change the consumer, or choose another name.
 */
export class ConsumerExistsError extends JetStreamApiError {
  constructor(
    /** The name of the stream. */
    readonly stream: string,
    /** The name of the consumer. */
    readonly consumer: string,
    body: ApiErrorBody = { code: 400, err_code: 10148, description: 'consumer already exists' },
  ) {
    super(
      body,
      `Consumer "${consumer}" exists on stream "${stream}" with another configuration: ` +
        'use the update or createOrUpdate method to change it.',
    );
  }
}

/**
 * The stream or the account has reached its limit of consumers (code 10026).
 *
 * @remarks Delete consumers that are not used, or raise `maxConsumers` of the stream or the limit of the account.
 */
export class MaxConsumersExceededError extends JetStreamApiError {
  constructor(
    /** The name of the stream. */
    readonly stream: string,
    body: ApiErrorBody = { code: 400, err_code: 10026, description: 'maximum consumers limit reached' },
  ) {
    super(
      body,
      `Stream "${stream}" or its account has reached its maximum number of consumers. ` +
        'Delete some, or raise maxConsumers of the stream or the account.',
    );
  }
}

/**
 * The consumer cannot be reset to the given sequence (code 10204).
 *
 * @remarks Use a sequence that is not below `startSequence`, and only with `deliverPolicy` `all`, `by_start_sequence`
 * or `by_start_time`.
 */
export class InvalidConsumerResetError extends JetStreamApiError {
  constructor(
    /** The name of the stream. */
    readonly stream: string,
    /** The name of the consumer. */
    readonly consumer: string,
    body: ApiErrorBody = { code: 400, err_code: 10204, description: 'invalid reset' },
  ) {
    super(
      body,
      `Consumer "${consumer}" on stream "${stream}" cannot be reset (${body.description}). A sequence must not be lower ` +
        'than its startSequence, and is only allowed with deliverPolicy all, by_start_sequence or by_start_time.',
    );
  }
}

/**
 * The name of a consumer is empty or contains characters that are not allowed in consumer names.
 *
 * @remarks Use up to 255 bytes of printable characters, without spaces, `.`, `*`, `>`, `/` and `\`.
 */
export class InvalidConsumerNameError extends JetStreamError {
  constructor(
    /** The given name. */
    readonly consumer: string,
  ) {
    super(
      `Invalid consumer name "${consumer}". Use up to 255 bytes of printable characters, without spaces, ".", "*", ">", "/" and "\\".`,
    );
  }
}

/**
 * The caller requested a pull consumer, but the consumer is a push consumer.
 *
 * @remarks Use `pushConsumer` and the methods for push consumers, or choose another name.
 */
export class NotAPullConsumerError extends JetStreamError {
  constructor(
    /** The name of the stream. */
    readonly stream: string,
    /** The name of the consumer. */
    readonly consumer: string,
  ) {
    super(
      `Consumer "${consumer}" on stream "${stream}" is a push consumer. ` +
        'Use pushConsumer and the …PushConsumer methods, or choose another name.',
    );
  }
}

/**
 * The caller requested a push consumer, but the consumer is a pull consumer.
 *
 * @remarks Use `consumer` and the methods for pull consumers, or choose another name.
 */
export class NotAPushConsumerError extends JetStreamError {
  constructor(
    /** The name of the stream. */
    readonly stream: string,
    /** The name of the consumer. */
    readonly consumer: string,
  ) {
    super(
      `Consumer "${consumer}" on stream "${stream}" is a pull consumer. ` +
        'Use consumer and the …Consumer methods, or choose another name.',
    );
  }
}
