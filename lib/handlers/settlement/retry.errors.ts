import { RpcException } from '@nestjs/microservices';
import { InvalidArgumentError } from '../../errors/index.js';
import { propertyOf } from '../../reporting/index.js';

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
 */
export class RetryMessage extends SettlementError {
  /** @throws {@link InvalidArgumentError} if the delay is not a number of milliseconds */
  constructor(
    /** After how many milliseconds; at once if left out. */
    readonly delay?: number,
    options?: ErrorOptions,
  ) {
    super(delay === undefined ? 'retry at once' : `retry in ${delay} ms`, options);
    if (delay !== undefined && !(Number.isFinite(delay) && delay >= 0)) {
      throw new InvalidArgumentError('delay', `${String(delay)} is not a number of milliseconds`);
    }
  }
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
