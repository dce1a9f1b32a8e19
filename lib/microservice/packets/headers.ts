import type { MsgHdrs } from '@nats-io/transport-node';
import { MessageHeaders } from '../../connection/index.js';
import type { PublishHeaders } from '../../jetstream/index.js';

/** The headers that durable requests carry. */
export const RequestHeader = {
  /** Where the answer goes; the reply subject itself gets the stream's acknowledgement. */
  replyTo: 'Request-Reply-To',
  /** How long the caller waits for it, in milliseconds from when the stream stored the request. */
  timeout: 'Request-Timeout',
} as const;

/** Headers in the client's own class, from whatever form they were given in; `undefined` where there are none. */
export function toHeaders(...sources: readonly (PublishHeaders | undefined)[]): MsgHdrs | undefined {
  let result: MsgHdrs | undefined;
  for (const source of sources) {
    if (source === undefined) continue;
    result ??= new MessageHeaders();
    for (const [name, value] of Symbol.iterator in source ? source : Object.entries(source)) {
      result.delete(name);
      for (const one of typeof value === 'string' ? [value] : value) result.append(name, one);
    }
  }
  return result;
}
