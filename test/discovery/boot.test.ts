import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import {
  type DiscoveryOptions,
  HandlerConfigurationError,
  InvalidArgumentError,
  JetStreamInstruments,
  JetStreamService,
  JsConsumer,
  NatsSubscribe,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';
import { ServicesClient } from './services-client.js';

const discovery = { name: 'shop', version: '1.0.0' } satisfies DiscoveryOptions;

describe('the startup of a service', () => {
  let server: NatsTestServer;
  let client: ServicesClient;

  beforeAll(async () => {
    server = await NatsTestServer.start({
      users: [
        { user: 'all' },
        { user: 'limited', permissions: { subscribe: { allow: '>', deny: '$SRV.PING' } } },
      ],
      noAuthUser: 'all',
    });
    client = await ServicesClient.connect(server.url);
  });
  afterAll(async () => {
    await client[Symbol.asyncDispose]();
    await server.stop();
  });

  it.each<[string, object, string]>([
    ['no name', { version: '1.0.0' }, 'discovery.name'],
    ['a name with a dot', { ...discovery, name: 'shop.eu' }, 'discovery.name'],
    ['an empty name', { ...discovery, name: '' }, 'discovery.name'],
    ['a long name', { ...discovery, name: 'a'.repeat(129) }, 'discovery.name'],
    ['no version', { name: 'shop' }, 'discovery.version'],
    ['a version with two numbers', { ...discovery, version: '1.0' }, 'discovery.version'],
    ['a version with a v', { ...discovery, version: 'v1.0.0' }, 'discovery.version'],
    ['a version with leading zeros', { ...discovery, version: '01.0.0' }, 'discovery.version'],
    ['metadata that is not text', { ...discovery, metadata: { region: 1 } }, 'discovery.metadata.region'],
    ['a description that is not text', { ...discovery, description: 1 }, 'discovery.description'],
    ['control that is not a flag', { ...discovery, control: 'yes' }, 'discovery.control'],
    ['an unknown option', { ...discovery, group: 'q' }, 'options of JetStreamModule.forRoot'],
    ['text', 'shop' as unknown as object, 'discovery'],
  ])('fails with %s', async (_, options, argument) => {
    const failure = await startApplication(server.url, {
      options: { discovery: options as DiscoveryOptions },
    }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ constructor: InvalidArgumentError, argument });
  });

  it.each(['1.2.3', '0.0.4', '1.2.3-rc.1+build.5', '10.20.30-0A.is.legal'])(
    'accepts version %s',
    async (version) => {
      await using _ = await startApplication(server.url, {
        options: { discovery: { ...discovery, version } },
      });
      expect(await client.ask('ping', 'shop')).toMatchObject([{ version }]);
    },
  );

  it('fails if two handlers have endpoints of the same name, and does not start any', async () => {
    const received: unknown[] = [];
    @Injectable()
    class Billing {
      @NatsSubscribe('orders.placed')
      on$placed(@Payload() order: unknown): void {
        received.push(order);
      }

      @NatsSubscribe('orders.paid')
      'on-placed'(): void {}
    }
    const starting = startApplication(server.url, { providers: [Billing], options: { discovery } });
    const failure: unknown = await starting.catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(HandlerConfigurationError);
    expect(failure).toMatchObject({ problems: [{ handler: 'Billing.on-placed' }] });
    expect(String(failure)).toMatch(
      /Billing\.on-placed: its endpoint of the service "shop" has the name "Billing-on-placed", like that of Billing\.on\$placed/,
    );
    expect(await client.ask('ping', 'shop')).toEqual([]);
    await using _ = await startApplication(server.url, { providers: [Billing] });
    expect(received).toEqual([]);
  });

  it('continues without a permission, and names it', async () => {
    await using application = await startApplication(server.url, {
      connection: server.connectionFor('limited'),
      options: { discovery },
    });
    expect(await client.ask('ping')).toEqual([]);
    expect(await client.ask('info')).toHaveLength(1);
    expect(application.logs.of('warn', 'JetStreamDiscovery')).toEqual([
      expect.stringMatching(
        /^Connection "default": this instance of the service "shop" is not found .* "\$SRV\.PING".* Grant its user/,
      ),
    ]);
  });

  it('registers nothing without the option', async () => {
    await using application = await startApplication(server.url, {});
    expect(application.app.get(JetStreamInstruments).list()).toEqual([]);
    expect(await client.ask('ping')).toEqual([]);
  });

  it('starts without a server', async () => {
    await using application = await startApplication(server.url, { options: { discovery, connect: false } });
    expect(application.logs.of('error')).toEqual([]);
    expect(await client.ask('ping')).toEqual([]);
  });

  it('contains the text of errors only with the option', async () => {
    @Injectable()
    class Billing {
      @JsConsumer({ stream: 'S', durable: 'billing' })
      onPlaced(): void {
        throw Object.assign(new TypeError('card 4242\nsecond line'), { name: 'card 4242' });
      }
    }
    const lastError = async (errorText: boolean): Promise<string> => {
      await using application = await startApplication(server.url, {
        providers: [Billing],
        feature: { streams: [{ name: 'S', subjects: ['s'], storage: 'memory' }] },
        options: { discovery: { ...discovery, errorText } },
      });
      await application.app.get(JetStreamService).publish('s', 1);
      const [endpoint] = await eventually(
        () => client.stats('shop', 'Billing-onPlaced'),
        ([each]) => (each?.num_errors ?? 0) > 0,
      );
      await application.app.get(JetStreamService).deleteStream('S');
      return endpoint?.last_error ?? '';
    };
    expect(await lastError(false)).toBe('Billing.onPlaced: Error');
    expect(await lastError(true)).toBe('Billing.onPlaced: Error: card 4242\\nsecond line');
  });
});
