import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import {
  HandlerConfigurationError,
  JetStreamService,
  JsConsumer,
  KeyValueService,
  type IdempotenceOptions,
  type PullJsConsumerOptions,
  type KeyValueConfig,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.js';
import { Payments, type Payment } from './payments.js';

describe('idempotent at boot', () => {
  let server: NatsTestServer;
  let serial = 0;

  beforeAll(async () => {
    server = await NatsTestServer.start();
  });
  afterAll(() => server.stop());

  const wrong: readonly [string, object, Partial<PullJsConsumerOptions>, RegExp][] = [
    ['a bucket with a dot', { bucket: 'pa.id' }, {}, /^idempotent\.bucket must be a name .* it is "pa\.id"/],
    ['no bucket', {}, {}, /^idempotent\.bucket must be a name/],
    ['a key that is nothing', { key: 7 }, {}, /^idempotent\.key must be a function or .* it is 7/],
    ['an empty key', { key: ' ' }, {}, /^idempotent\.key must be a function or the name of a header/],
    [
      'a ttl in words',
      { ttl: '1h' },
      {},
      /^idempotent\.ttl must be a number of milliseconds, 1000 or more; it is "1h"/,
    ],
    ['a ttl that is too short', { ttl: 999 }, {}, /^idempotent\.ttl must be .* it is 999/],
    ['a lease that is too short', { lease: 5 }, {}, /^idempotent\.lease must be .* 100 or more; it is 5/],
    [
      'a ttl shorter than the lease',
      { ttl: 5_000 },
      { ackWait: 6_000 },
      /^idempotent\.ttl \(5000\) must not be shorter than the lease \(6000\)/,
    ],
    ['an ephemeral consumer', {}, { durable: undefined }, /^idempotent needs durable or name/],
    ['ackMode manual', {}, { ackMode: 'manual' }, /^idempotent cannot be combined with ackMode 'manual'/],
    [
      'batches',
      {},
      { batch: { size: 5 } },
      /^idempotent needs single, acknowledged messages and cannot be combined with batch/,
    ],
  ];

  it.each(wrong)('%s stops it, named with class and method', async (name, idempotent, options, words) => {
    const payments = new Payments(server, String(++serial));
    const bucket = name === 'no bucket' ? {} : { bucket: 'paid' };
    const boot = payments.start(() => undefined, {
      idempotent: { ...bucket, ...idempotent } as IdempotenceOptions,
      ...options,
    });
    const error: unknown = await boot.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(HandlerConfigurationError);
    expect((error as HandlerConfigurationError).problems).toContainEqual({
      handler: 'Bank.onPayment',
      problem: expect.stringMatching(words) as string,
    });
  });

  it.each(['assert', 'off'] as const)(
    'a missing bucket stops it with provisioning %s',
    async (provisioning) => {
      const payments = new Payments(server, String(++serial));
      // Creates stream and consumer.
      await (await payments.start(() => undefined, {})).app.close();
      const error: unknown = await payments
        .start(
          () => undefined,
          { idempotent: { bucket: `missing-${serial}` } },
          { options: { provisioning } },
        )
        .catch((thrown: unknown) => thrown);
      expect((error as HandlerConfigurationError).problems).toEqual([
        {
          handler: 'Bank.onPayment',
          problem: `there is no bucket "missing-${serial}" for idempotent: create it, or set provisioning: "ensure"`,
        },
      ]);
    },
  );

  it('creates one bucket for two handlers, and keeps the keys of each for its own ttl', async () => {
    const payments = new Payments(server, String(++serial));
    const bucket = `two_${serial}`;
    const ran: string[] = [];
    const key = (payment: Payment): string => payment.id;
    @Injectable()
    class Handlers {
      @JsConsumer({
        stream: payments.stream,
        durable: 'short',
        ackWait: 500,
        idempotent: { bucket, key, ttl: 1_000 },
      })
      short(@Payload() { id }: Payment): void {
        ran.push(`short ${id}`);
      }

      @JsConsumer({ stream: payments.stream, durable: 'long', idempotent: { bucket, key, ttl: 3_600_000 } })
      long(@Payload() { id }: Payment): void {
        ran.push(`long ${id}`);
      }
    }
    await using application = await payments.startWith([Handlers]);
    const jetstream = application.app.get(JetStreamService);
    const values = await application.app.get(KeyValueService).open(bucket);
    expect((await values.status()).ttl).toBe(3_600_000);
    await jetstream.publish(`${payments.subject}.new`, { id: 'a' });
    await payments.settled(application, 'short');
    await payments.settled(application, 'long');
    await eventually(
      () => values.get(`${payments.stream}.short.a`),
      (entry) => entry === undefined,
    );
    await jetstream.publish(`${payments.subject}.new`, { id: 'a' });
    await payments.settled(application, 'short');
    await payments.settled(application, 'long');
    expect(ran.toSorted()).toEqual(['long a', 'short a', 'short a']);
    expect(application.logs.of('warn', 'Idempotence')).toEqual([]);
  });

  describe('warns', () => {
    async function warnings(
      config: Omit<KeyValueConfig, 'bucket'>,
      idempotent: Omit<IdempotenceOptions, 'bucket'>,
    ): Promise<string[]> {
      const payments = new Payments(server, String(++serial));
      const bucket = `declared_${serial}`;
      await using application = await payments.start(
        () => undefined,
        { idempotent: { bucket, ...idempotent } },
        { feature: { keyValues: [{ bucket, ...config }] } },
      );
      return application.logs.of('warn', 'Idempotence');
    }

    it('about a declared bucket with a shorter ttl than the handler needs', async () => {
      expect(await warnings({ ttl: 60_000 }, { ttl: 61_000 })).toEqual([
        expect.stringMatching(
          /^Bank\.onPayment: bucket "declared_\d+" deletes keys after 60000 ms, but they must be kept for 61000 ms/,
        ),
      ]);
      expect(await warnings({ ttl: 10_000 }, {})).toEqual([
        expect.stringContaining('must be kept for 30000 ms') as string,
      ]);
    });

    it('about one with a longer ttl, unless it allows a ttl for single keys', async () => {
      expect(await warnings({}, { ttl: 60_000 })).toEqual([
        expect.stringMatching(/keeps keys forever, longer than the 60000 ms of idempotent\.ttl/),
      ]);
      expect(await warnings({ limitMarkerTtl: 1_000 }, { ttl: 60_000 })).toEqual([]);
    });

    it('about nothing if the bucket keeps values as long as needed', async () => {
      expect(await warnings({ ttl: 60_000 }, { ttl: 60_000 })).toEqual([]);
      expect(await warnings({}, {})).toEqual([]);
    });
  });
});
