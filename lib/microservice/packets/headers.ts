import type { MsgHdrs } from '@nats-io/transport-node';
import { MessageHeaders } from '../../connection/index.js';
import { copyHeaders, type PublishHeaders } from '../../jetstream/index.js';

/** The headers that durable requests carry. */
export const RequestHeader = {
  /** Where the answer goes; the reply subject itself gets the stream's acknowledgement. */
  replyTo: 'Request-Reply-To',
  /** How long the caller waits for it, in milliseconds from when the stream stored the request. */
  timeout: 'Request-Timeout',
} as const;

/**
 * Headers in the client's own class, from whatever form they were given in; `undefined` if there are none.
 *
 * @throws {@link InvalidArgumentError}
 */
export function toHeaders(...sources: readonly (PublishHeaders | undefined)[]): MsgHdrs | undefined {
  let result: MessageHeaders | undefined;
  for (const source of sources) {
    if (source === undefined) continue;
    result ??= new MessageHeaders();
    copyHeaders(source, result);
  }
  return result;
}
