import type { PipeTransform } from '@nestjs/common';
import { isMessageContract, type MessageContract, type PayloadOf } from '../../contracts/index.js';
import { InvalidArgumentError } from '../../errors/index.js';
import { shown } from '../../reporting/index.js';
import { validated } from './payload-decoder.js';

/**
 * Validates the payload of a `@EventPattern` or `@MessagePattern` by the schema of a contract, and returns the output of
 * the schema. Handlers of `@JsConsumer` and `@NatsSubscribe` with a contract do so without a pipe.
 *
 * @example
 * ```ts
 * @EventPattern(OrderPlaced.pattern)
 * onPlaced(@Payload(new MessagePipe(OrderPlaced)) order: PayloadOf<typeof OrderPlaced>) {}
 * ```
 */
export class MessagePipe<Contract extends MessageContract> implements PipeTransform<
  unknown,
  Promise<PayloadOf<Contract>>
> {
  private readonly validate: (input: { readonly subject: string; readonly payload: unknown }) => unknown;

  /** @throws {@link InvalidArgumentError} if it is not given a contract */
  constructor(
    /** The messages that it validates. */
    readonly contract: Contract,
  ) {
    if (!isMessageContract(contract)) {
      throw new InvalidArgumentError('contract', `${shown(contract)} is not a message contract`);
    }
    this.validate = validated(({ payload }) => payload, contract.consumeSchema);
  }

  /**
   * Returns the output of the schema.
   *
   * @throws {@link InvalidPayloadError} if the payload does not match the schema
   */
  async transform(payload: unknown): Promise<PayloadOf<Contract>> {
    return this.validate({ subject: '', payload });
  }
}
