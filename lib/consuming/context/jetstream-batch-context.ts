import { BaseRpcContext } from '@nestjs/microservices';
import type { JetStreamMessage } from '../../jetstream/index.js';
import type { SettlementPolicy } from '../settlement/index.js';

/**
 * What `@Ctx()` gives a handler of batches. Messages that the handler settles itself are left alone; the others are
 * settled by what the handler returns or throws.
 */
export class JetStreamBatchContext extends BaseRpcContext<[readonly JetStreamMessage[]]> {
  /** @internal */
  constructor(
    messages: readonly JetStreamMessage[],
    /** The rules that the messages are settled by. */
    readonly policy: SettlementPolicy,
  ) {
    super([messages]);
  }

  /** The messages, in the order of the payloads. */
  get messages(): readonly JetStreamMessage[] {
    return this.args[0];
  }
}
