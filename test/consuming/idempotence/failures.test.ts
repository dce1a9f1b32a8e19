import { Injectable } from '@nestjs/common';
import {
  JetStreamService,
  JsConsumer,
  KeyValueService,
  type KeyValue,
  type PullJsConsumerOptions,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { describe, expect, it } from 'vitest';
import { startApplication } from '../../support/application.js';
import { eventually } from '../../support/eventually.js';
import { ModuleProcess } from './module-process.js';
import { Payments, type Payment } from './payments.js';

describe.each(['2.15', '2.9'])('idempotent on nats-server %s', (version) => {
  it('lets another process take over only after the lease of a killed one has ended', async () => {
    await using server = await NatsTestServer.start({ version });
    await using producer = await startApplication(server.url, {
      feature: { streams: [{ name: 'PAYMENTS', subjects: ['payments'], storage: 'memory' }] },
    });
    const jetstream = producer.app.get(JetStreamService);
    await jetstream.publish('payments', { id: 'a' });
    await using killed = new ModuleProcess(new URL('./fixtures/hanging.ts', import.meta.url), server.url);
    await killed.printed('begun');
    await killed.kill();
    const claims = await producer.app.get(KeyValueService).open('paid');
    const claim = await claims.get(await onlyKey(claims, 'PAYMENTS.bank.*'));
    expect(claim?.value).toMatchObject({ state: 'running', lease: 2_000, sequence: 1 });

    const taken: number[] = [];
    @Injectable()
    class Bank {
      @JsConsumer({
        stream: 'PAYMENTS',
        durable: 'bank',
        ackWait: 1_000,
        idempotent: { bucket: 'paid', lease: 2_000 },
      })
      onPayment(): void {
        taken.push(Date.now());
      }
    }
    await using _ = await startApplication(server.url, { providers: [Bank] });
    await eventually(
      async () => (await jetstream.consumer('PAYMENTS', 'bank')).info(),
      ({ numAckPending }) => taken.length > 0 && numAckPending === 0,
    );
    expect(taken).toHaveLength(1);
    expect(taken[0] - (claim?.created.getTime() ?? Infinity)).toBeGreaterThanOrEqual(2_000);
  });

  it('recognizes its own claim if the response to it was lost', async () => {
    await using server = await NatsTestServer.start({ version });
    const payments = new Payments(server, 'unheard');
    const ran: number[] = [];
    const key = (payment: Payment): string => {
      // The claim is written to a server that is paused.
      if (ran.length === 0 && attempts++ === 0) server.pause();
      return payment.id;
    };
    let attempts = 0;
    const options: Partial<PullJsConsumerOptions> = {
      idempotent: { bucket: 'unheard', key, lease: 20_000 },
      retry: { backoff: [10] },
    };
    await using bank = await payments.start((_, { metadata }) => ran.push(metadata.deliveryCount), options, {
      options: { jetstream: { timeout: 500 } },
    });
    await bank.app.get(JetStreamService).publish(`${payments.subject}.new`, { id: 'a' });
    await eventually(
      () => bank.logs.of('error', 'Idempotence'),
      (lines) => lines.some((line) => line.includes('no acknowledgement within 500 ms')),
    );
    server.resume();
    await payments.settled(bank);
    // It waited, and used up no delivery.
    expect(ran).toEqual([1]);
  });

  it('does not run a handler whose claim was granted so late that another process has replaced it', async () => {
    await using server = await NatsTestServer.start({ version });
    const payments = new Payments(server, 'late');
    const lease = 300;
    let ran = 0;
    let asked = 0;
    const key = ({ id }: Payment): string => {
      if (asked++ === 0) {
        server.pause();
        setImmediate(() => setImmediate(replaceClaim));
      }
      return id;
    };
    await using bank = await payments.start(() => ran++, { idempotent: { bucket: 'late', key, lease } });
    const jetstream = bank.app.get(JetStreamService);
    /** The claim is in transit. The write of the other process follows it, and then this process is busy for longer than the lease. */
    const replaceClaim = (): void => {
      // Over the same connection, so that the server receives it after the claim.
      const done = JSON.stringify({ state: 'done', sequence: 1 });
      jetstream.connection.nc.publish(`$KV.late.${payments.stream}.bank.a`, done);
      setImmediate(() =>
        setImmediate(() => {
          server.resume();
          for (const end = performance.now() + 2 * lease; performance.now() < end;);
        }),
      );
    };
    await jetstream.publish(`${payments.subject}.new`, { id: 'a' });
    await payments.settled(bank);
    const claims = await bank.app.get(KeyValueService).open<{ state: string }>('late');
    const entry = await claims.get(`${payments.stream}.bank.a`);
    expect([entry?.revision, entry?.value.state, ran]).toEqual([2, 'done', 0]);
  });

  it('warns if its claim was taken while its handler ran, and stores that it ran', async () => {
    await using server = await NatsTestServer.start({ version });
    const payments = new Payments(server, 'taken');
    let finish = (): void => undefined;
    let runs = 0;
    await using bank = await payments.start(
      () => {
        runs++;
        return new Promise<void>((resolve) => (finish = resolve));
      },
      { idempotent: { bucket: 'taken', lease: 200 } },
    );
    await bank.app.get(JetStreamService).publish(`${payments.subject}.new`, { id: 'a' });
    await eventually(
      () => runs,
      (count) => count === 1,
    );
    const claims = await bank.app.get(KeyValueService).open('taken');
    const key = await onlyKey(claims, `${payments.stream}.bank.*`);
    await claims.put(key, { state: 'running', owner: 'another', lease: 60_000, sequence: 1 });
    await eventually(
      () => bank.logs.of('warn', 'Idempotence'),
      (lines) => lines.length > 0,
    );
    expect(bank.logs.of('warn', 'Idempotence')).toEqual([
      expect.stringMatching(
        /^Bank\.onPayment: the claim on key "PAYMENTS_taken\.bank\.1\S*" .* may run twice/,
      ),
    ]);
    finish();
    await payments.settled(bank);
    expect((await claims.get(key))?.value).toEqual({ state: 'done', sequence: 1 });
  });
});

/** The one key that a filter matches: keys of messages without an id name the incarnation of their stream too. */
async function onlyKey(claims: KeyValue, filter: string): Promise<string> {
  const keys: string[] = [];
  for await (const key of claims.keys(filter)) keys.push(key);
  expect(keys).toHaveLength(1);
  return keys[0] ?? '';
}
