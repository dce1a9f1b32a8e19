/** The defaults that nats-server 2.9 applies to omitted options, if they are not empty. */
const DEFAULTS: Readonly<Record<string, unknown>> = {
  ack_wait: 30_000_000_000,
  max_deliver: -1,
  max_waiting: 512,
  max_ack_pending: 1_000,
};

/** Options for which the server derives values from elsewhere. */
const FILLED_IN = new Set(['name', 'durable_name', 'num_replicas', 'inactive_threshold']);

/**
 * Whether a configuration differs from the one that the server has, both in the wire format. This is the comparison
 * that nats-server 2.10 and newer make themselves.
 */
export function differsFromStored(
  wanted: Readonly<Record<string, unknown>>,
  stored: Readonly<Record<string, unknown>>,
): boolean {
  return [...new Set([...Object.keys(wanted), ...Object.keys(stored)])].some((field) => {
    if (wanted[field] === undefined && FILLED_IN.has(field)) return false;
    return normal(field, wanted[field]) !== normal(field, stored[field]);
  });
}

function normal(field: string, value: unknown): string {
  const isUnset = value === undefined || value === null || value === 0 || value === false || value === '';
  if (isUnset || (field === 'max_ack_pending' && value === -1)) {
    return field in DEFAULTS ? JSON.stringify(isUnset ? DEFAULTS[field] : value) : '';
  }
  if (typeof value === 'string' && field === 'opt_start_time') return String(Date.parse(value));
  return JSON.stringify(value);
}
