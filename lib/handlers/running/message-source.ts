import type { Codec } from '../../codecs/index.js';
import type { JetStreamMessage } from '../../jetstream/index.js';
import type { HandlerSource } from '../compile/index.js';
import { JetStreamContext } from '../context/index.js';
import { InvalidPayloadError, type SettlementPolicy } from '../settlement/index.js';

/** Reads a handler's parameters from a message. */
export function messageSource(codec: Codec, policy: SettlementPolicy): HandlerSource<JetStreamMessage> {
  return {
    payload: (message) => {
      try {
        return codec.decode(message.data);
      } catch (error) {
        const words = error instanceof Error ? error.message : String(error);
        throw new InvalidPayloadError(`the payload is not ${codec.contentType}: ${words}`, { cause: error });
      }
    },
    context: (message) => new JetStreamContext(message, policy),
    pattern: (message) => message.subject,
  };
}
