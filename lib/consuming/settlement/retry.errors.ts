import { RpcException } from '@nestjs/microservices';
import { propertyOf } from '../../reporting/index.js';
import { LONGEST_DURATION } from '../../timing/index.js';

/** Marks errors that determine how their message is settled, in every copy and version of this library. */
const BRAND = Symbol.for('nestjs-nats-jetstream:settlement');

const isInstanceOf = Function.prototype[Symbol.hasInstance];

type Kind = 'retry' | 'terminate' | 'invalid-payload';

/**
 * An error that determines how a message is settled. Nest's own exception filters handle every error of an
 * `@EventPattern` handler and pass on only the content of an `RpcException`, so the content of this error is the error
 * itself.
 */
abstract class SettlementError extends RpcException {
  constructor(message: string, options?: ErrorOptions) {
    super(message);
    this.name = new.target.name;
    if (options && 'cause' in options) this.cause = options.cause;
  }

  override getError(): this {
    return this;
  }
}

/**
 * Thrown by a handler to receive its message again after the given delay, instead of the delay of its `retry` option.
 * The delivery still counts: in the last delivery, the message is settled as after any other error.
 *
 * The constructor never throws, even if the delay is invalid: another error in its place could end a message that is to
 * be retried. With a delay that is not a number of milliseconds (`NaN`, `Infinity`, a negative number), the message is
 * retried with the delay of the handler's `retry` option, and the delay is logged.
 *
 * @remarks Throw it from a handler, with the delay in milliseconds.
 */
export class RetryMessage extends SettlementError {
  constructor(
    /**
     * The delay in milliseconds; if omitted, the message is redelivered at once. A delay of more than 292 years counts
     * as 292 years, the longest that servers support.
     */
    readonly delay?: number,
    options?: ErrorOptions,
  ) {
    super(textOf(delay), options);
  }
}

/**
 * The delay of a {@link RetryMessage}, limited to the maximum that servers support; `undefined` if it is not a number
 * of milliseconds.
 */
export function requestedDelay(error: RetryMessage): number | undefined {
  const delay = propertyOf(error, 'delay');
  if (delay === undefined) return 0;
  if (typeof delay !== 'number' || !Number.isFinite(delay) || delay < 0) return undefined;
  return Math.min(delay, LONGEST_DURATION);
}

function textOf(delay: unknown): string {
  if (delay === undefined) return 'retry at once';
  if (typeof delay === 'number' && Number.isFinite(delay) && delay >= 0) return `retry in ${delay} ms`;
  const found = typeof delay === 'number' ? String(delay) : `a value of type ${typeof delay}`;
  return `RetryMessage was given ${found} as delay, which is not a number of milliseconds`;
}

/**
 * Thrown by a handler if no retry can help: the message is terminated, and stored as a dead letter if `deadLetter` is
 * set.
 *
 * @remarks Throw it from a handler, with the reason.
 */
export class TerminateMessage extends SettlementError {
  constructor(
    /** The reason, for the server's advisory and the dead letter. */
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(reason, options);
  }
}

/**
 * The payload cannot be decoded or did not pass validation: no retry can help.
 *
 * @remarks Correct the publisher, or the schema or codec of the handler; with `deadLetter`, the message is kept as a
 * dead letter.
 */
export class InvalidPayloadError extends SettlementError {}

brand(RetryMessage, 'retry');
brand(TerminateMessage, 'terminate');
brand(InvalidPayloadError, 'invalid-payload');

/** Makes `instanceof` check the brand for the class itself; subclasses use the default check. */
function brand(type: { readonly prototype: object }, kind: Kind): void {
  // Defined on the prototype so that it is not an own property of each error.
  Object.defineProperty(type.prototype, BRAND, { value: kind });
  Object.defineProperty(type, Symbol.hasInstance, {
    value(this: () => unknown, value: unknown): boolean {
      const isBase = (this as unknown) === type;
      return isBase ? propertyOf(value, BRAND) === kind : isInstanceOf.call(this, value);
    },
  });
}

/** Whether the error itself determines how the message is settled. */
export function isSettlementError(
  error: unknown,
): error is RetryMessage | TerminateMessage | InvalidPayloadError {
  return propertyOf(error, BRAND) !== undefined;
}
