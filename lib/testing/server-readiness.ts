import { setTimeout as sleep } from 'node:timers/promises';

import { monitor } from './monitoring.js';

/** How long a server may take until it is ready, in milliseconds; a large store takes longer. */
const READY_TIMEOUT = 30_000;
/** The interval of readiness checks, in milliseconds. */
const READY_POLL = 2;

/** The server whose readiness is awaited. */
interface StartingServer {
  readonly name: string;
  readonly monitoringUrl: string;
}

/**
 * Waits until a server accepts clients and JetStream is ready, if it is enabled.
 *
 * @returns its version
 * @throws Error if that takes longer than 30 seconds
 */
export function serverReady({ name, monitoringUrl }: StartingServer, signal: AbortSignal): Promise<string> {
  return poll('it was not ready', signal, async () => {
    const varz = (await monitor(`${monitoringUrl}/varz`)) as { server_name: string; version: string };
    // Otherwise another server took the port first, so this one is about to end.
    if (varz.server_name !== name) return undefined;
    await monitor(`${monitoringUrl}/healthz?js-enabled-only=true`);
    return varz.version;
  });
}

/**
 * Checks that the configuration did not replace the domain.
 *
 * @throws Error if the domain is another one
 */
export async function checkDomain({ monitoringUrl }: StartingServer, domain: string): Promise<void> {
  const { config } = (await monitor(`${monitoringUrl}/jsz`)) as { config?: { domain?: string } };
  if (config?.domain !== domain) {
    throw new Error(
      `its domain is ${config?.domain ?? 'not set'} instead of ${domain}, because the text of the option "config" ` +
        'replaces the block "jetstream". Set the domain there too, or give "config" as an object',
    );
  }
}

/**
 * Waits until a leaf node is connected with its hub.
 *
 * @throws Error if that takes longer than 30 seconds
 */
export async function leafReady({ monitoringUrl }: StartingServer): Promise<void> {
  await poll('it was not connected with its hub', undefined, async () => {
    const { leafnodes } = (await monitor(`${monitoringUrl}/leafz`)) as { leafnodes: number };
    return leafnodes > 0 ? true : undefined;
  });
}

/** Repeats a look-up that fails or returns nothing. */
async function poll<T>(
  failure: string,
  signal: AbortSignal | undefined,
  look: () => Promise<T | undefined>,
): Promise<T> {
  const deadline = Date.now() + READY_TIMEOUT;
  for (;;) {
    const found = await look().catch(() => undefined);
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error(`${failure} after ${READY_TIMEOUT} ms`);
    await sleep(READY_POLL, undefined, { signal });
  }
}
