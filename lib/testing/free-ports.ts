import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

/**
 * Where ports are taken from: below those that systems give to outgoing connections (from 32,768 or higher),
 * so that no passing connection takes a server's port while it restarts.
 */
const FIRST_PORT = 10_000;
const LAST_PORT = 32_000;

/** Finds `count` loopback ports that nobody listens on. Another process may take one before it is used. */
export async function findFreePorts(count: number): Promise<number[]> {
  const held = new Map<number, Server>();
  try {
    while (held.size < count) {
      const port = randomInt(FIRST_PORT, LAST_PORT);
      const server = await listen(port);
      if (server !== undefined) {
        held.set(port, server);
      }
    }
    return [...held.keys()];
  } finally {
    await Promise.all(
      Array.from(held.values(), async (server) => {
        server.close();
        await once(server, 'close');
      }),
    );
  }
}

async function listen(port: number): Promise<Server | undefined> {
  const server = createServer().listen(port, '127.0.0.1');
  return once(server, 'listening').then(
    () => server,
    () => undefined,
  );
}
