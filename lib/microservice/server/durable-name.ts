import { createHash } from 'node:crypto';

const PLAIN = /^[A-Za-z0-9_.*>]+$/;

/**
 * The name of the durable consumer of a pattern: `billing_orders-any-created` for the service `billing` and the pattern
 * `orders.*.created`. A pattern with other characters also gets a hash, so that names are unique.
 */
export function durableName(service: string, pattern: string): string {
  const words = pattern
    .split('.')
    .map((token) => (token === '*' ? 'any' : token === '>' ? 'all' : token.replace(/[^A-Za-z0-9_]+/g, '-')))
    .join('-')
    .replace(/-+/g, '-')
    .replace(/^-|-$/g, '');
  if (PLAIN.test(pattern)) return `${service}_${words}`;
  return `${service}_${words}-${createHash('sha256').update(pattern).digest('hex').slice(0, 8)}`;
}
