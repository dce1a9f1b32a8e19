import type { MsgHdrs } from '@nats-io/transport-node';
import { MessageHeaders } from '../../connection/index.js';
import type { ObservedMessage, RunningOperation } from '../../instruments/index.js';

/** Adds the headers of instruments to a message. They never replace headers of the caller. */
export function withInstruments(
  headers: MsgHdrs | undefined,
  { subject, data }: Pick<ObservedMessage, 'subject' | 'data'>,
  operation: RunningOperation | undefined,
): MsgHdrs | undefined {
  if (operation === undefined) return headers;
  const names = new Set(headers?.keys().map((name) => name.toLowerCase()));
  const has = (name: string): boolean => names.has(name.toLowerCase());
  const added = operation.headersFor({ subject, data, has });
  if (added === undefined) return headers;
  const all = headers ?? new MessageHeaders();
  for (const [name, value] of Object.entries(added)) {
    if (has(name)) continue;
    try {
      all.set(name, value);
    } catch (error) {
      operation.refused(error);
    }
  }
  return all;
}
