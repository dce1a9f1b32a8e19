import type { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { sleep } from '../../../lib/timing/index.js';

/** How long replicas may take to have the same messages, in milliseconds. */
const PATIENCE = 10_000;
/** Leaders of elections renew their locks while the servers are asked one after the other. */
const TOLERANCE = 5;

/** A stream, with the last sequence of each server. */
interface Replicas {
  readonly stream: string;
  readonly sequences: readonly number[];
}

/** The servers store different messages of a stream, so no answer about it is reliable. */
export class DivergedServersError extends Error {
  override readonly name = 'DivergedServersError';

  constructor(streams: readonly Replicas[]) {
    const texts = streams.map(({ stream, sequences }) => `${stream}: last sequences ${sequences.join(', ')}`);
    super(
      `the servers store different messages, although each reports to be up to date: ${texts.join('; ')}`,
    );
  }
}

/**
 * Checks that all servers store the same messages, or soon will. Otherwise the run would prove nothing about the library.
 *
 * @throws {@link DivergedServersError}
 */
export async function requireSameReplicas(servers: readonly NatsTestServer[]): Promise<void> {
  for (const end = performance.now() + PATIENCE; ; await sleep(500)) {
    const diverged = (await replicasOf(servers)).filter(
      ({ sequences }) => Math.max(...sequences) - Math.min(...sequences) > TOLERANCE,
    );
    if (diverged.length === 0) return;
    if (performance.now() > end) throw new DivergedServersError(diverged);
  }
}

async function replicasOf(servers: readonly NatsTestServer[]): Promise<Replicas[]> {
  const pages = await Promise.all(servers.map(({ monitoringUrl }) => sequencesOn(monitoringUrl)));
  const streams = new Set(pages.flatMap((page) => [...page.keys()]));
  return [...streams].map((stream) => ({
    stream,
    sequences: pages.flatMap((page) => page.get(stream) ?? []),
  }));
}

async function sequencesOn(url: string): Promise<Map<string, number>> {
  const response = await fetch(`${url}/jsz?streams=true`);
  const { account_details: accounts = [] } = (await response.json()) as JetStreamPage;
  const streams = accounts.flatMap(({ stream_detail: each = [] }) => each);
  return new Map(streams.map(({ name, state }) => [name, state.last_seq]));
}

interface JetStreamPage {
  readonly account_details?: readonly {
    readonly stream_detail?: readonly {
      readonly name: string;
      readonly state: { readonly last_seq: number };
    }[];
  }[];
}
