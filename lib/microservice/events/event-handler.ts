import type { MessageHandler } from '@nestjs/microservices';
import type { CompiledHandler, SettlementPolicy } from '../../consuming/index.js';
import type { JetStreamMessage } from '../../jetstream/index.js';
import { JetStreamEventContext } from '../context/index.js';
import { completion, type ProcessingHooks, runInHooks } from '../serving/index.js';
import type { MessageReader } from './message-reader.js';
import { toSettlementError } from './settlement-error.js';

/**
 * Handles the events of a stream with Nest's pipeline. The returned handler ends when the result of the pipeline has
 * ended, and fails with the error for settlement.
 */
export function eventHandler(
  handler: MessageHandler,
  reader: MessageReader,
  policy: SettlementPolicy,
  hooks: ProcessingHooks | undefined,
): CompiledHandler<JetStreamMessage> {
  const handle = (message: JetStreamMessage): Promise<unknown> => {
    const packet = reader.read(message);
    const context = new JetStreamEventContext(message, policy, packet);
    if (!hooks) return handler(packet.data, context).then(completion);
    const run = async (): Promise<unknown> => completion(await handler(packet.data, context));
    return runInHooks(hooks, context, run).finally(() => hooks.end(hooks.transportId, context));
  };
  return (message) => handle(message).then(undefined, rethrow);
}

function rethrow(error: unknown): never {
  throw toSettlementError(error);
}
