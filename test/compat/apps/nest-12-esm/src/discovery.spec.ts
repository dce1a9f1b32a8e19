import { Test } from '@nestjs/testing';
import { expect, it } from 'vitest';
import { Handlers, JetStreamInstances } from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { AppModule } from './app.module.js';

it('two instances of the service find and control each other', async () => {
  const server = await NatsTestServer.start();
  const start = async () => {
    const discovery = { name: 'readings', version: '1.0.0', control: true };
    const app = await Test.createTestingModule({
      imports: [AppModule.on(server.url, { discovery })],
    }).compile();
    await app.init();
    return app;
  };
  const first = await start();
  const second = await start();
  const { instances } = await first.get(JetStreamInstances).list();
  expect(instances.map(({ id }) => id)).toContain(second.get(JetStreamInstances).id);
  expect(instances[0]?.endpoints.map(({ name }) => name)).toContain('Readings-onReading');
  const results = await first.get(JetStreamInstances).pause('Readings.onReading', { by: 'a test' });
  expect(results.map(({ handlers }) => handlers[0]?.status)).toEqual(['paused', 'paused']);
  expect(second.get(Handlers).get('Readings.onReading').status).toBe('paused');
  await first.close();
  expect((await second.get(JetStreamInstances).list()).instances).toHaveLength(1);
  await second.close();
  await server.stop();
});
