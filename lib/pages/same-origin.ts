import type { PageRequest } from './page-request.js';

/** A header that only scripts of the same origin can set: a form of another site cannot, and its scripts would need CORS. */
export const PAGE_HEADER = 'x-jetstream-page';

/** Why a request is refused. */
export interface Refusal {
  /** The HTTP status. */
  readonly status: number;
  readonly message: string;
}

/**
 * Protects a request that changes something against other sites that the user's browser visits: it must be JSON, have a
 * header of its own, and come from the same origin.
 *
 * @returns why it is refused; `undefined` if it is accepted
 */
export function refuseForeign(request: PageRequest): Refusal | undefined {
  const type = request.header('content-type') ?? '';
  if (type.split(';', 1)[0].trim().toLowerCase() !== 'application/json') {
    return { status: 415, message: 'Send the request with Content-Type: application/json.' };
  }
  if (request.header(PAGE_HEADER) === undefined) {
    return { status: 403, message: `Send the request with the header ${PAGE_HEADER}: 1.` };
  }
  if (isSameOrigin(request)) return undefined;
  return { status: 403, message: 'The request comes from another origin. Send it from the page itself.' };
}

/**
 * Whether a request comes from the page itself, or from a program other than a browser. Browsers set these headers, and
 * scripts cannot change them.
 */
export function isSameOrigin(request: PageRequest): boolean {
  const site = request.header('sec-fetch-site');
  // A proxy may change the host, so the browser's own comparison is preferred.
  if (site !== undefined) return site === 'same-origin';
  const origin = request.header('origin');
  if (origin === undefined) return true;
  const host = request.header('host') ?? request.header(':authority');
  return host !== undefined && hostOf(origin) === host.toLowerCase();
}

function hostOf(origin: string): string | undefined {
  return /^https?:\/\/([^/?#@\s]+)$/i.exec(origin)?.[1].toLowerCase();
}
