import type { MsgHdrs } from '@nats-io/transport-node';
import { MessageHeaders } from '../../connection/index.js';
import { copyHeaders, type PublishHeaders } from '../../jetstream/index.js';

/** The headers that durable requests carry. */
export const RequestHeader = {
  /** The subject for the answer; the reply subject itself receives the stream's acknowledgement. */
  replyTo: 'Request-Reply-To',
  /** How long the caller waits for the answer, in milliseconds from when the stream stored the request. */
  timeout: 'Request-Timeout',
} as const;

/**
 * Converts headers of any form to the client's own class; `undefined` if there are none.
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
