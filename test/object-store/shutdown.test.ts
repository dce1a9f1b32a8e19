import { randomBytes } from 'node:crypto';
import { PassThrough } from 'node:stream';
import { Module, type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { JetStreamModule, ObjectStoreService, type ObjectStore } from 'nestjs-nats-jetstream';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ConnectionClosedError } from '../../lib/errors/index.js';
import { NatsTestServer } from '../../lib/testing/index.js';
import { ObjectStores } from './object-stores.js';

describe('the shutdown of an application that puts objects', () => {
  let server: NatsTestServer;
  let stores: ObjectStores;
  let app: INestApplicationContext;
  let store: ObjectStore;

  beforeAll(async () => {
    server = await NatsTestServer.start();
    stores = await ObjectStores.connect(server.url);
  });
  afterAll(async () => {
    await stores[Symbol.asyncDispose]();
    await server.stop();
  });
  beforeEach(async () => {
    await stores.service.delete('B').catch(() => undefined);
    await stores.service.create({ bucket: 'B', storage: 'memory' });
    @Module({
      imports: [JetStreamModule.forRoot({ connection: { servers: server.url }, shutdownTimeout: 5_000 })],
    })
    class App {}
    app = await NestFactory.createApplicationContext(App, { logger: false });
    store = await app.get(ObjectStoreService).open('B');
  });

  it('aborts a put with an open source, and leaves no chunk', async () => {
    const source = new PassThrough();
    source.write(randomBytes(3_000_000));
    const outcome = store.put('a', source).catch((error: unknown) => error);
    await expect.poll(() => stores.messages('B', 'C')).toBeGreaterThan(10);
    const started = performance.now();
    await app.close();
    expect(performance.now() - started).toBeLessThan(4_000);
    expect(await outcome).toBeInstanceOf(ConnectionClosedError);
    expect(source.destroyed).toBe(true);
    expect(await stores.messages('B', 'C')).toBe(0);
  });

  it('completes a put whose content has been read, and rejects new ones', async () => {
    const data = randomBytes(4_000_000);
    const put = store.putBytes('a', data);
    await app.close();
    expect((await put).size).toBe(data.length);
    await expect(store.putBytes('b', data)).rejects.toThrow(ConnectionClosedError);
    const others = await stores.service.open('B');
    expect((await others.getBytes('a')).equals(data)).toBe(true);
    expect(await stores.messages('B', 'C')).toBe(31);
  });

  it.skipIf(process.platform === 'win32')('ends even if the server hangs', async () => {
    const source = new PassThrough();
    source.write(randomBytes(3_000_000));
    const outcome = store.put('a', source).catch((error: unknown) => error);
    await expect.poll(() => stores.messages('B', 'C')).toBeGreaterThan(10);
    server.pause();
    const started = performance.now();
    setTimeout(() => server.resume(), 8_000);
    await app.close();
    expect(performance.now() - started).toBeLessThan(7_500);
    expect(await outcome).toBeInstanceOf(ConnectionClosedError);
    server.resume();
  });
});
