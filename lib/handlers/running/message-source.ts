import type { CodecSelector } from '../../codecs/index.js';
import {
  type HandlerSource,
  JetStreamContext,
  payloadDecoder,
  type SchemaSource,
  type SettlementPolicy,
} from '../../consuming/index.js';
import type { JetStreamMessage } from '../../jetstream/index.js';
import type { ConsumerPlan } from '../planning/index.js';

/**
 * A handler's own codec applies to all its messages. Otherwise the `Content-Type` selects the codec, and without one
 * the codec of the stream applies.
 */
export function codecsOf({ options: { codec }, connection, stream }: ConsumerPlan): CodecSelector {
  return codec ? () => codec : connection.codecsOfStream(stream);
}

/** Reads a handler's parameters from a message. */
export function messageSource(
  codecOf: CodecSelector,
  policy: SettlementPolicy,
  schema?: SchemaSource,
): HandlerSource<JetStreamMessage> {
  return {
    payload: payloadDecoder(codecOf, schema),
    mayBePending: schema !== undefined,
    context: (message) => new JetStreamContext(message, policy),
    pattern: (message) => message.subject,
  };
}
