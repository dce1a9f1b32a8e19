import {
  ConnectionClosedError,
  getNatsConnectionToken,
  InvalidArgumentError,
  JetStreamService,
  RequestTimeoutError,
} from 'nestjs-nats-jetstream';
import type { NatsConnection } from 'nestjs-nats-jetstream/nats';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { expect, it } from 'vitest';
import { startApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

it('status and rtt follow the connection: connected, frozen, disconnected, reconnected, closed', async () => {
  await using server = await NatsTestServer.start();
  await using application = await startApplication(server.url, {
    connection: { reconnectTimeWait: 20, maxReconnectAttempts: -1 },
  });
  const jetstream = application.app.get(JetStreamService);
  const about = { name: server.name, version: server.version, cluster: undefined };
  const address = server.url.replace('nats://', '');
  expect(jetstream.status).toMatchObject({
    state: 'connected',
    reconnects: 0,
    server: { ...about, address },
    owned: true,
  });
  expect(await jetstream.rtt()).toBeGreaterThan(0);
  await expect(jetstream.rtt({ timeout: -1 })).rejects.toThrow(InvalidArgumentError);
  const reason = new Error('enough');
  await expect(jetstream.rtt({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);

  server.pause();
  await expect(jetstream.rtt({ timeout: 100 })).rejects.toThrow(RequestTimeoutError);
  expect(jetstream.status.state).toBe('connected');
  server.resume();
  expect(await jetstream.rtt()).toBeGreaterThan(0);

  await server.kill();
  const lost = await eventually(
    () => jetstream.status,
    ({ state, stateAge }) => state === 'disconnected' && stateAge >= 50,
  );
  expect(lost.server).toMatchObject(about);
  await expect(jetstream.rtt({ timeout: 100 })).rejects.toThrow(RequestTimeoutError);
  await server.restart();
  const { reconnects, stateAge } = await eventually(
    () => jetstream.status,
    ({ state }) => state === 'connected',
  );
  expect(reconnects).toBe(1);
  expect(stateAge).toBeLessThan(5_000);

  await application.app.get<NatsConnection>(getNatsConnectionToken()).close();
  expect(jetstream.status).toMatchObject({ state: 'closed', server: { ...about, address: undefined } });
  await expect(jetstream.rtt({ timeout: 100 })).rejects.toThrow(ConnectionClosedError);
});
