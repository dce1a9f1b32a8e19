/** The kinds of connections, by the numbers of ADR-41. */
const KINDS = ['client', 'route', 'gateway', 'system', 'jetstream', 'account', 'leaf node'];

/** The name of the kind of a connection in a report; the value itself if it is unknown. */
export function connectionKind(value: string | number | boolean): string {
  return KINDS[Number(value)] ?? String(value);
}
