import { Test } from '@nestjs/testing';
import { JetStreamModule, JetStreamService, NotConnectedError } from 'nestjs-nats-jetstream';
import { JetStreamClient, JetStreamServer } from 'nestjs-nats-jetstream/microservice';
import { firstValueFrom } from 'rxjs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { LogRecorder } from '../support/log-recorder.js';

// Nothing listens there, and a connection would be attempted forever.
const connection = { servers: '127.0.0.1:1' };
const before = process.env.JETSTREAM_CONNECT;

beforeEach(() => {
  process.env.JETSTREAM_CONNECT = 'false';
});
afterEach(() => {
  if (before === undefined) delete process.env.JETSTREAM_CONNECT;
  else process.env.JETSTREAM_CONNECT = before;
});

it('JETSTREAM_CONNECT=false keeps the connection of a module closed', async () => {
  const logs = new LogRecorder();
  const app = await Test.createTestingModule({ imports: [JetStreamModule.forRoot({ connection })] })
    .setLogger(logs)
    .compile();
  await app.init();
  await expect(app.get(JetStreamService).publish('a', 1)).rejects.toBeInstanceOf(NotConnectedError);
  expect(logs.of('log', 'NatsConnection')).toContain(
    'Connection "default": not opened, because JETSTREAM_CONNECT is "false"',
  );
  await app.close();
});

it('JETSTREAM_CONNECT=false keeps the connection of a client closed', async () => {
  const client = new JetStreamClient({ connection });
  await expect(firstValueFrom(client.send('a', 1))).rejects.toBeInstanceOf(NotConnectedError);
  await expect(firstValueFrom(client.emit('a', 1))).rejects.toBeInstanceOf(NotConnectedError);
  await client.close();
});

it('JETSTREAM_CONNECT=false keeps a microservice from listening', async () => {
  const logs = new LogRecorder();
  const testing = await Test.createTestingModule({}).setLogger(logs).compile();
  const app = testing.createNestMicroservice({ strategy: new JetStreamServer({ name: 'a', connection }) });
  await app.listen();
  expect(logs.of('warn', 'JetStreamServer')).toEqual([
    expect.stringContaining('Service "a" does not listen'),
  ]);
  await app.close();
});

it('any other value connects as usual', async () => {
  process.env.JETSTREAM_CONNECT = 'true';
  const client = new JetStreamClient({ connection });
  await expect(client.connect()).rejects.not.toBeInstanceOf(NotConnectedError);
  await client.close();
});
