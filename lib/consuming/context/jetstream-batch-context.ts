import { BaseRpcContext } from '@nestjs/microservices';
import type { JetStreamMessage } from '../../jetstream/index.js';
import type { SettlementPolicy } from '../settlement/index.js';

/**
 * The `@Ctx()` of a batch handler. Messages that the handler settles itself are not settled again; the others are
 * settled by its result or error.
 */
export class JetStreamBatchContext extends BaseRpcContext<[readonly JetStreamMessage[]]> {
  /** @internal */
  constructor(
    messages: readonly JetStreamMessage[],
    /** The rules for settling the messages. */
    readonly policy: SettlementPolicy,
  ) {
    super([messages]);
  }

  /** The messages, in the order of the payloads. */
  get messages(): readonly JetStreamMessage[] {
    return this.args[0];
  }
}
