import type { HandlerSource } from '../compile/index.js';
import { JetStreamBatchContext } from '../context/index.js';
import type { SettlementPolicy } from '../settlement/index.js';
import type { MessageBatchInput } from './batch-runner.js';

/** Reads a handler's parameters from a batch of messages. */
export function batchSource(policy: SettlementPolicy): HandlerSource<MessageBatchInput> {
  return {
    payload: ({ payloads }) => payloads,
    context: ({ messages }) => new JetStreamBatchContext(messages, policy),
    pattern: ({ messages }) => messages[0]?.subject ?? '',
  };
}
