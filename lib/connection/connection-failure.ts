import type { NodeConnectionOptions } from '@nats-io/transport-node';
import { errorText } from '../reporting/index.js';
import { serverList } from './redact.js';

/** Error codes of the operating system for a server or network that is not available yet. */
const TRANSIENT_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAI_NODATA',
  'ENODATA',
  'ESERVFAIL',
  'EMFILE',
  'ENFILE',
]);

/** Texts of servers and the client for temporary failures without a code. */
const TRANSIENT_TEXT =
  /connection refused|undefined error|authentication timeout|maximum .*connections exceeded|server shutdown|stale connection/i;

/** Codes for failures to which the client assigns none. */
const CODES: Readonly<Record<string, string>> = {
  AuthorizationError: 'AUTHORIZATION_VIOLATION',
  UserAuthenticationExpiredError: 'AUTHENTICATION_EXPIRED',
  TimeoutError: 'TIMEOUT',
  ProtocolError: 'PROTOCOL_ERROR',
  InvalidArgumentError: 'INVALID_OPTIONS',
};

/**
 * The code of a failure to connect: Node's code if there is one in the chain of causes (`ECONNREFUSED`, `ENOTFOUND`,
 * `CERT_HAS_EXPIRED`, `ERR_INVALID_URL`), otherwise one that stands for the client's error (`AUTHORIZATION_VIOLATION`,
 * `AUTHENTICATION_EXPIRED`, `TIMEOUT`, `PROTOCOL_ERROR`, `INVALID_OPTIONS`), or `UNKNOWN`.
 */
export function failureCode(error: Error): string {
  return nodeCode(error) ?? CODES[error.name] ?? 'UNKNOWN';
}

/** The text of a failure; for OpenSSL's messages, which name its own source files, only the reason. */
export function failureText(error: Error): string {
  const { code, reason } = error as Error & { readonly code?: unknown; readonly reason?: unknown };
  const isOfOpenSsl = typeof code === 'string' && code.startsWith('ERR_SSL_');
  return isOfOpenSsl && typeof reason === 'string' ? reason : errorText(error);
}

/**
 * Whether a failure to connect may be temporary, because a server may become available. Refused credentials, invalid
 * certificates and wrong options are permanent.
 */
export function mayPass(error: Error): boolean {
  const code = nodeCode(error);
  if (code !== undefined) return TRANSIENT_CODES.has(code);
  return error.name === 'TimeoutError' || TRANSIENT_TEXT.test(error.message);
}

/** The problem with the servers of connection options, if no attempt can succeed; `undefined` if they are valid. */
export function problemOfServers({ servers }: NodeConnectionOptions): string | undefined {
  for (const server of serverList(servers) ?? []) {
    const problem = problemOf(server);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function problemOf(server: string): string | undefined {
  const address = server.slice(server.lastIndexOf('@') + 1).replace(/^[a-z][a-z0-9+.-]*:\/\//i, '');
  if (/^https?:\/\//i.test(server))
    return `"${address}" has the scheme of a web server: the address of a NATS server begins with nats:// or tls://`;
  if (address.trim() === '') return 'an address in "servers" is empty';
  if (address.includes(',')) return `"${address}" contains several addresses: pass them as an array`;
  if (/\s/.test(address.trim())) return `"${address}" contains white space`;
  // The colons of an IPv6 address without brackets do not separate a port.
  const isBareIpv6 = !address.includes('[') && address.split(':').length > 2;
  const port = isBareIpv6 ? undefined : /:([^:\]/]*)\/?$/.exec(address)?.[1];
  if (port !== undefined && !(/^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535)) {
    return `the port of "${address}" is not a number from 1 to 65535`;
  }
  return undefined;
}

function nodeCode(error: Error): string | undefined {
  let each: unknown = error;
  for (let depth = 0; each instanceof Error && depth < 10; depth++) {
    const { code, cause } = each as Error & { readonly code?: unknown };
    if (typeof code === 'string') return code;
    each = cause;
  }
  return undefined;
}
