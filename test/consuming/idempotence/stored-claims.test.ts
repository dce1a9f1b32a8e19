import { JetStreamService, KeyValueService, type KeyValue } from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Payments } from './payments.js';

describe('an idempotent handler whose key has a value of another client', () => {
  let server: NatsTestServer;

  beforeAll(async () => {
    server = await NatsTestServer.start();
  });
  afterAll(() => server.stop());

  it.each([
    ['nothing at all', ''],
    ['no JSON', '{'],
    ['null', 'null'],
    ['a number', '7'],
    ['an unknown state', '{"state":"lost"}'],
    ['a claim without an owner', '{"state":"running","lease":1000000}'],
    ['a claim without a lease', '{"state":"running","owner":"x"}'],
    ['a claim with a lease that is not a number', '{"state":"running","owner":"x","lease":"long"}'],
    ['a claim with a lease of no length', '{"state":"running","owner":"x","lease":-1e300}'],
  ])('runs once and overwrites the value: %s', async (name, stored) => {
    const payments = new Payments(server, name.replaceAll(' ', '-'));
    const ran: string[] = [];
    await using application = await payments.start(({ id }) => ran.push(id), {
      idempotent: { bucket: 'paid', key: ({ id }: { id: string }) => id },
      retry: { maxDeliver: 3, backoff: [10] },
    });
    const { app } = application;
    const claims: KeyValue = await app.get(KeyValueService).open('paid');
    const key = `${payments.stream}.bank.a`;
    await claims.put(key, Buffer.from(stored));
    const jetstream = app.get(JetStreamService);
    for (let i = 0; i < 2; i++) await jetstream.publish(`${payments.subject}.x`, { id: 'a' });
    await payments.settled(application);
    expect(ran).toEqual(['a']);
    expect((await claims.get(key))?.value).toMatchObject({ state: 'done' });
  });
});
