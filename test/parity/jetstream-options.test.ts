import { JetStreamNotEnabledError, JetStreamService } from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApplication } from '../support/application.js';

describe('the options of JetStream', () => {
  let server: NatsTestServer;

  beforeAll(async () => {
    server = await NatsTestServer.start({ config: { jetstream: { domain: 'hub' } } });
  });
  afterAll(() => server.stop());

  it('select JetStream in a domain, or under a prefix', async () => {
    for (const jetstream of [{ domain: 'hub' }, { apiPrefix: '$JS.hub.API' }]) {
      await using application = await startApplication(server.url, { options: { jetstream } });
      expect(await application.app.get(JetStreamService).accountInfo()).toMatchObject({ domain: 'hub' });
    }
    for (const jetstream of [{ domain: 'nowhere' }, { apiPrefix: '$JS.nowhere.API' }]) {
      await using application = await startApplication(server.url, { options: { jetstream } });
      await expect(application.app.get(JetStreamService).accountInfo()).rejects.toThrow(
        JetStreamNotEnabledError,
      );
    }
  });

  it('are available as connection and options', async () => {
    const publish = { maxPending: 7 };
    await using application = await startApplication(server.url, {
      options: { jetstream: { domain: 'hub', timeout: 1_234 }, publish },
    });
    const { connection, options } = application.app.get(JetStreamService);
    expect(connection).toMatchObject({ apiPrefix: '$JS.hub.API', timeout: 1_234 });
    expect(connection.nc.getServer()).toBe(new URL(server.url).host);
    expect(options.publish).toMatchObject(publish);
  });
});
