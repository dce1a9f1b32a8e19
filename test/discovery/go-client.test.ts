import { Injectable } from '@nestjs/common';
import { JetStreamInstances, JetStreamService, JsConsumer } from 'nestjs-nats-jetstream';
import { connect } from 'nestjs-nats-jetstream/nats';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { expect, it } from 'vitest';
import { startApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';
import { buildGoProgram } from '../support/go-program.js';

@Injectable()
class Billing {
  @JsConsumer({ stream: 'S', durable: 'billing', retry: { maxDeliver: 1 } })
  onPlaced(): void {
    throw new RangeError('no');
  }
}

it('the Go client reads a service, and its services are listed', { timeout: 300_000 }, async () => {
  await using server = await NatsTestServer.start();
  await using go = await buildGoProgram(new URL('go-services/', import.meta.url));
  await using application = await startApplication(server.url, {
    providers: [Billing],
    feature: { streams: [{ name: 'S', subjects: ['s'], storage: 'memory' }] },
    options: { discovery: { name: 'shop', version: '1.4.0', metadata: { region: 'eu' } } },
  });
  const instances = application.app.get(JetStreamInstances);
  await application.app.get(JetStreamService).publish('s', {});
  await eventually(
    () => instances.list(),
    (list) => list.instances[0]?.endpoints[0]?.errors === 1,
  );
  const nc = await connect({ servers: server.url });
  const respond = async (): Promise<string> => JSON.stringify(await instances.listAll());
  nc.subscribe('list', { callback: (_, message) => void respond().then((list) => message.respond(list)) });
  await nc.flush();
  const output = JSON.parse(await go.run(server.url, 'shop', 'list')) as Readonly<Record<string, unknown>>;
  await nc.close();

  const identity = { name: 'shop', id: instances.id, version: '1.4.0', metadata: { region: 'eu' } };
  expect(output.ping).toEqual({ ...identity, type: 'io.nats.micro.v1.ping_response' });
  expect(output.info).toMatchObject({
    ...identity,
    endpoints: [{ name: 'Billing-onPlaced', subject: '>', queue_group: 'billing' }],
  });
  expect(output.stats).toMatchObject({
    ...identity,
    endpoints: [
      {
        name: 'Billing-onPlaced',
        num_requests: 1,
        num_errors: 1,
        last_error: 'Billing.onPlaced: RangeError',
        data: { handler: 'Billing.onPlaced', status: 'running' },
      },
    ],
  });
  expect(output.list).toMatchObject({
    skipped: 0,
    instances: [
      {
        name: 'go-peer',
        id: output.id,
        version: '2.0.0',
        endpoints: [
          { name: 'echo', subject: 'go.echo', queueGroup: 'q', requests: 1, errors: 0, lastError: '' },
          { name: 'fail', subject: 'go.fail', requests: 1, errors: 1, lastError: '500:it failed' },
        ],
      },
      { ...identity, isSelf: true },
    ],
  });
});
