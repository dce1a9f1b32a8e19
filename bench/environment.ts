import { Buffer } from 'node:buffer';
import { connect as connectClient } from '@nats-io/transport-node';
import { connect } from 'nestjs-nats-jetstream/nats';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import type { Bench, BenchValue } from './suite.js';

/** A server with an empty store, and the data that suites send; `close` stops the server. */
export async function openBench(): Promise<Bench & { close(): Promise<void> }> {
  const server = await NatsTestServer.start();
  const payload = Buffer.from(JSON.stringify(VALUE), 'utf8');
  if (payload.length !== PAYLOAD_SIZE) {
    throw new Error(`the payload has ${payload.length} bytes instead of ${PAYLOAD_SIZE}`);
  }
  return {
    url: server.url,
    connect: () => connectClient({ servers: server.url }),
    connectOurs: () => connect({ servers: server.url }),
    value: VALUE,
    payload,
    close: () => server.stop(),
  };
}

const PAYLOAD_SIZE = 140;

const VALUE: BenchValue = {
  id: 4711,
  customer: 'a77c2f6e-0d3b-4',
  total: 129.9,
  currency: 'EUR',
  items: [
    { sku: 'NB-204', quantity: 1 },
    { sku: 'US-18', quantity: 3 },
  ],
};
