import type { NodeConnectionOptions } from '@nats-io/transport-node';

/** A text without the user part of any server address in it. */
export function withoutCredentials(text: string): string {
  return text.replace(/([a-z]+:\/\/)[^\s/@]*@/gi, '$1').replace(/(^|[\s,"'])[^\s/@,"']+:[^\s/@,"']+@/g, '$1');
}

/** The servers of connection options as a log may show them. */
export function redactServers({ servers, port }: NodeConnectionOptions): string {
  const list = typeof servers === 'string' ? [servers] : (servers ?? [`127.0.0.1:${port ?? 4222}`]);
  return list.map(withoutCredentials).join(', ');
}
