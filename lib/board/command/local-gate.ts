import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** The hosts with which browsers reach this process. Another name that leads here is that of an attacker (DNS rebinding). */
const HOSTS = ['127.0.0.1', 'localhost'];

/**
 * Admits the browser of the user who started the command: a token, which is valid once, is exchanged for a cookie that
 * scripts cannot read and other sites cannot use. Another user of the machine can reach the port, but knows neither.
 */
export class LocalGate {
  private token: string | undefined = secret();
  private readonly session = secret();

  /** @param path the path of the page, with a slash at its beginning */
  constructor(private readonly path: string) {}

  /** The address for the browser. It works once. */
  addressOn(port: number): string {
    return `http://127.0.0.1:${port}${this.path}?token=${this.token ?? ''}`;
  }

  /** The middleware that each request passes. */
  readonly admit = (request: IncomingMessage, response: ServerResponse, next: () => void): void => {
    const port = request.socket.localPort ?? 0;
    if (!HOSTS.map((host) => `${host}:${port}`).includes((request.headers.host ?? '').toLowerCase()))
      return refuse(response, 'This address is not that of the board.');
    const cookie = `jetstream-board-${port}`;
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    const token = url.searchParams.get('token');
    if (request.method === 'GET' && url.pathname === this.path && token !== null) {
      if (this.token === undefined || !isSame(token, this.token))
        return refuse(response, 'The address was used already. Start the command again for a new one.');
      this.token = undefined;
      response.writeHead(303, {
        ...HEADERS,
        location: this.path,
        'set-cookie': `${cookie}=${this.session}; Path=${this.path}; HttpOnly; SameSite=Strict`,
      });
      response.end();
      return;
    }
    const session = cookieOf(request.headers.cookie, cookie);
    if (session !== undefined && isSame(session, this.session)) return next();
    refuse(response, 'Open the address that the command has printed.');
  };
}

const HEADERS = {
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

function refuse(response: ServerResponse, message: string): void {
  response.writeHead(403, { ...HEADERS, 'content-type': 'application/json; charset=utf-8' });
  response.end(JSON.stringify({ error: { name: 'Refused', message } }));
}

function cookieOf(header: string | undefined, name: string): string | undefined {
  const pairs = (header ?? '').split(';').map((pair) => pair.trim().split('='));
  return pairs.find(([each]) => each === name)?.[1];
}

function secret(): string {
  return randomBytes(32).toString('base64url');
}

function isSame(given: string, wanted: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(wanted)];
  return a.length === b.length && timingSafeEqual(a, b);
}
