import { RpcException } from '@nestjs/microservices';
import { propertyOf } from '../../reporting/index.js';
import { LONGEST_DURATION } from '../../timing/index.js';

/** What says of an error what becomes of its message, in every copy of this library, whichever version it is. */
const BRAND = Symbol.for('nestjs-nats-jetstream:settlement');

const isInstanceOf = Function.prototype[Symbol.hasInstance];

type Kind = 'retry' | 'terminate' | 'invalid-payload';

/**
 * An error that says what is to become of a message. Nest's own exception filters answer for whatever a handler of
 * `@EventPattern` throws, and pass on the content of an `RpcException` alone: this one's content is itself.
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
 * Thrown by a handler to have its message again after a delay of its own choice, instead of what its `retry` says. It
 * counts as a delivery all the same: in the last one the message is ended as after any other error.
 *
 * It never throws, whatever the delay is: another error in its place could end a message that is to be retried. With a
 * delay that is not a number of milliseconds (`NaN`, `Infinity`, a negative number), the message is retried with the wait
 * that the handler's `retry` says, and the delay is logged.
 */
export class RetryMessage extends SettlementError {
  constructor(
    /**
     * After how many milliseconds; at once if left out. A delay of more than 292 years counts as one of 292 years, the
     * longest that servers know.
     */
    readonly delay?: number,
    options?: ErrorOptions,
  ) {
    super(textOf(delay), options);
  }
}

/**
 * The delay that a {@link RetryMessage} asks for, no longer than servers can wait; `undefined` if it is not a number of
 * milliseconds.
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

/** Thrown by a handler when no retry can help: the message is terminated, and kept as a dead letter with `deadLetter`. */
export class TerminateMessage extends SettlementError {
  constructor(
    /** Why, for the server's advisory and the dead letter. */
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(reason, options);
  }
}

/** The payload cannot be decoded or did not pass validation: no retry can help. */
export class InvalidPayloadError extends SettlementError {}

brand(RetryMessage, 'retry');
brand(TerminateMessage, 'terminate');
brand(InvalidPayloadError, 'invalid-payload');

/** Has `instanceof` go by the brand, for the class itself; for a subclass it is as usual. */
function brand(type: { readonly prototype: object }, kind: Kind): void {
  // On the prototype, so that it is not a property of each error.
  Object.defineProperty(type.prototype, BRAND, { value: kind });
  Object.defineProperty(type, Symbol.hasInstance, {
    value(this: () => unknown, value: unknown): boolean {
      const isBase = (this as unknown) === type;
      return isBase ? propertyOf(value, BRAND) === kind : isInstanceOf.call(this, value);
    },
  });
}

/** Whether an error says itself what is to become of the message. */
export function isSettlementError(
  error: unknown,
): error is RetryMessage | TerminateMessage | InvalidPayloadError {
  return propertyOf(error, BRAND) !== undefined;
}
