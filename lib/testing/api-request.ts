import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

import type { NatsTestConnectionOptions } from './server-access.js';

/** How long a server may take to answer, in milliseconds. */
const TIMEOUT = 2_000;

/** The outcome of a request: the data of the reply, or why there is none. */
export type ApiReply = { readonly data: string } | 'refused' | 'silent';

/**
 * Sends one request to a server and returns the first reply. It is refused if the server does not accept the
 * credentials, the user has no permission, or no server has JetStream for its account; otherwise the server is silent if
 * there is no reply in time.
 *
 * It speaks the NATS protocol itself: a client would load its transport into the process of the test.
 */
export async function apiRequest(
  port: number,
  { user, pass, tls }: Omit<NatsTestConnectionOptions, 'servers'>,
  subject: string,
  data: string,
): Promise<ApiReply> {
  const signal = AbortSignal.timeout(TIMEOUT);
  const plain = connect({ host: '127.0.0.1', port, noDelay: true });
  let socket: Socket = plain;
  // Later errors must not end the process; those of the awaited events reject.
  const ignored = (): void => undefined;
  plain.on('error', ignored);
  try {
    await once(plain, 'connect', { signal });
    if (tls !== undefined) {
      if (!tls.handshakeFirst) await once(plain, 'data', { signal });
      const { ca, cert, key } = tls;
      // The certificate may be one for other hosts.
      const secure = connectTls({ socket: plain, ca, cert, key, rejectUnauthorized: false });
      socket = secure.on('error', ignored);
      await once(secure, 'secureConnect', { signal });
    }
    const inbox = '_INBOX.test-cluster';
    const options = { user, pass, verbose: false, headers: true, no_responders: true };
    socket.write(`CONNECT ${JSON.stringify(options)}\r\nSUB ${inbox} 1\r\n`);
    socket.write(`PUB ${subject} ${inbox} ${Buffer.byteLength(data)}\r\n${data}\r\n`);
    return await firstReply(socket, signal);
  } catch {
    return 'silent';
  } finally {
    socket.destroy();
    plain.destroy();
  }
}

/** Reads until a whole message or an error of the server has arrived. */
async function firstReply(socket: Socket, signal: AbortSignal): Promise<ApiReply> {
  let text = '';
  for (;;) {
    const [bytes] = (await once(socket, 'data', { signal })) as [Buffer];
    text += bytes.toString('latin1');
    // The only messages with headers are those about missing responders.
    if (/^(-ERR|HMSG) /m.test(text)) return 'refused';
    const message = /^MSG \S+ \S+ (\d+)\r\n/m.exec(text);
    if (message === null) continue;
    const begin = message.index + message[0].length;
    const end = begin + Number(message[1]);
    if (text.length >= end) return { data: text.slice(begin, end) };
  }
}
