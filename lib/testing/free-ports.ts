import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { NatsServerStartError } from './errors.js';

/**
 * The first port to try: below the range that systems use for outgoing connections (from 32,768 or higher), so that no
 * temporary connection takes a server's port while it restarts.
 */
const FIRST_PORT = 10_000;
const LAST_PORT = 32_000;

/** The maximum number of attempts to start if a free port was taken in the meantime. */
const ATTEMPTS = 10;
/** The pause between two attempts, in milliseconds. */
const RETRY_DELAY = 20;

/** Finds `count` free loopback ports. Another process may take one before it is used. */
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

/** Repeats a start as long as it fails because a free port was taken in the meantime. */
export async function retryWhilePortIsTaken<T>(start: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start();
    } catch (error) {
      if (attempt === ATTEMPTS || !isPortTaken(error)) {
        throw error;
      }
      await sleep(RETRY_DELAY);
    }
  }
}

/** Whether a start failed because a port was taken, according to the messages of Unix or Windows. */
function isPortTaken(error: unknown): boolean {
  return error instanceof NatsServerStartError && /address already in use|Only one usage of/.test(error.log);
}

async function listen(port: number): Promise<Server | undefined> {
  const server = createServer().listen(port, '127.0.0.1');
  return once(server, 'listening').then(
    () => server,
    () => undefined,
  );
}
