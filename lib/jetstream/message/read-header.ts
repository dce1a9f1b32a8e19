import { Match, type MsgHdrs } from '@nats-io/transport-node';

/**
 * The value of a header; `undefined` if there is none. NATS headers are case-sensitive (ADR-4), but other clients and
 * gateways may write them in another case: an exact match of the name takes precedence over one that differs only in
 * case.
 */
export function readHeader(
  headers: Pick<MsgHdrs, 'has' | 'get'> | undefined,
  name: string,
): string | undefined {
  if (headers === undefined) return undefined;
  if (headers.has(name)) return headers.get(name);
  return headers.has(name, Match.IgnoreCase) ? headers.get(name, Match.IgnoreCase) : undefined;
}
