import {
  type HandlerSource,
  JetStreamBatchContext,
  type MessageBatchInput,
  type SettlementPolicy,
} from '../../consuming/index.js';

/** Reads a handler's parameters from a batch of messages. */
export function batchSource(policy: SettlementPolicy): HandlerSource<MessageBatchInput> {
  return {
    payload: ({ payloads }) => payloads,
    context: ({ messages }) => new JetStreamBatchContext(messages, policy),
    pattern: ({ messages }) => messages[0]?.subject ?? '',
  };
}
