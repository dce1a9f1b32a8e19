import { inspect } from 'node:util';
import type { NodeConnectionOptions } from '@nats-io/transport-node';
import { errorText, toError } from '../reporting/index.js';

const HIDDEN = '***';
/** Shorter secrets are not searched for, because they would match unrelated words. */
const SHORTEST_SECRET = 3;

/** The user part of an address, up to the last `@`, because a password may contain `/`, `:` and `@`. */
const USER_INFO = /(\b(?!file:)[a-z][a-z0-9+.-]*:\/\/)[^\s"'<>]*@/gi;
/** The same without a scheme: user and password. */
const BARE_USER_INFO = /(^|[\s,"'(])[^\s@,"'()/:]+:[^\s,"'()]*@(?=[\w.[-])/g;
/** Seeds of NKeys (ADR-25 of NATS: a prefix of two characters, base 32) and JSON web tokens. */
const SEED = /\bS[UAONCXP][A-Z2-7]{50,}\b/g;
const JWT = /\beyJ[\w-]+\.[\w-]+\.[\w-]+/g;

/** Removes credentials that can be recognized by their form: users in addresses, seeds, JWTs. */
export function withoutCredentials(text: string): string {
  return text
    .replace(USER_INFO, '$1')
    .replace(BARE_USER_INFO, '$1')
    .replace(SEED, HIDDEN)
    .replace(JWT, HIDDEN);
}

/** Removes the credentials of a connection's options from logs and errors. */
export class Redactor {
  /** The servers, in a form that is safe for logs. */
  readonly servers: string;
  /** Longest first, because one may contain another. */
  private readonly secrets: readonly string[];

  constructor({ servers, port, user, pass, token }: NodeConnectionOptions) {
    const list = serverList(servers) ?? [`127.0.0.1:${port ?? 4222}`];
    this.servers = list.map(withoutUserInfo).join(', ');
    const known = [user, pass, token, ...list.flatMap(userInfoParts)];
    this.secrets = known
      .filter((secret): secret is string => typeof secret === 'string' && secret.length >= SHORTEST_SECRET)
      .flatMap((secret) => [secret, encodeURIComponent(secret)])
      .toSorted((a, b) => b.length - a.length);
  }

  /** The text of any thrown value, on one line, without credentials. */
  text(thrown: unknown): string {
    return this.redact(errorText(thrown));
  }

  /** The error itself, or a copy without credentials if it or one of its causes contains any. */
  error(thrown: unknown): Error {
    const error = toError(thrown);
    const shown = inspect(error, { depth: 10 });
    return this.redactLines(shown) === shown ? error : this.copyOf(error, 0);
  }

  private copyOf(error: Error, depth: number): Error {
    const { cause } = error;
    const hasCause = cause instanceof Error && depth < 10;
    const copy = new Error(
      this.redact(error.message),
      hasCause ? { cause: this.copyOf(cause, depth + 1) } : undefined,
    );
    copy.name = error.name;
    copy.stack = this.redactLines(error.stack ?? '');
    const { code } = error as Error & { readonly code?: unknown };
    return code === undefined ? copy : Object.assign(copy, { code });
  }

  /** The locations in a stack are paths, which look like addresses with a user if a package has a scope. */
  private redactLines(text: string): string {
    const lines = text.split('\n').map((line) => (/^\s+at /.test(line) ? line : this.redact(line)));
    return lines.join('\n');
  }

  private redact(text: string): string {
    let redacted = text;
    for (const secret of this.secrets) redacted = redacted.replaceAll(secret, HIDDEN);
    return withoutCredentials(redacted);
  }
}

/** The servers of connection options; `undefined` if the client uses its default. */
export function serverList(servers: NodeConnectionOptions['servers']): readonly string[] | undefined {
  const list: readonly unknown[] = typeof servers === 'string' ? [servers] : (servers ?? []);
  return list.length === 0 ? undefined : list.map(String);
}

/** An address without its user. */
export function withoutUserInfo(server: string): string {
  const at = server.lastIndexOf('@');
  if (at < 0) return server;
  return (/^[a-z][a-z0-9+.-]*:\/\//i.exec(server)?.[0] ?? '') + server.slice(at + 1);
}

/** The secrets in an address: user and password together, and each of them. */
function userInfoParts(server: string): string[] {
  const at = server.lastIndexOf('@');
  if (at < 0) return [];
  const userInfo = server.slice(0, at).replace(/^[a-z][a-z0-9+.-]*:\/\//i, '');
  const colon = userInfo.indexOf(':');
  const parts = colon < 0 ? [userInfo] : [userInfo, userInfo.slice(0, colon), userInfo.slice(colon + 1)];
  return parts.flatMap((part) => [part, decoded(part)]);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
