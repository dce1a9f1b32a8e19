import { CanActivate, Injectable, Scope, UseGuards } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import {
  Handlers,
  JetStreamService,
  JsConsumer,
  JsHandler,
  KeyValueService,
  PublishTo,
  type JsConsumerOptions,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { eventually } from '../../support/eventually.js';
import { Payments, type Payment } from './payments.js';

class AllowAll implements CanActivate {
  canActivate(): boolean {
    return true;
  }
}

/** A function, and a promise that resolves when it is called. */
function gate(): { open: () => void; opened: Promise<void> } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { open, opened };
}

describe.each(['2.15', '2.9'])('idempotent on nats-server %s', (version) => {
  let server: NatsTestServer;
  let serial = 0;

  beforeAll(async () => {
    server = await NatsTestServer.start({ version });
  });
  afterAll(() => server.stop());

  const byId = (bucket: string): NonNullable<JsConsumerOptions['idempotent']> => ({
    bucket,
    key: (payment: Payment) => payment.id,
  });

  it('runs a handler once for all messages of a key, and acknowledges the others', async () => {
    const payments = new Payments(server, String(++serial));
    const ran: string[] = [];
    await using bank = await payments.start(({ id }) => ran.push(id), { idempotent: byId(`once_${serial}`) });
    const jetstream = bank.app.get(JetStreamService);
    for (const id of ['a', 'b', 'a', 'a', 'b', 'c'])
      await jetstream.publish(`${payments.subject}.new`, { id });
    await payments.settled(bank);
    expect(ran).toEqual(['a', 'b', 'c']);
    const { numRedelivered } = await (await jetstream.consumer(payments.stream, 'bank')).info();
    expect(numRedelivered).toBe(0);
  });

  it('uses the message id as the key, or the sequence if there is none', async () => {
    const payments = new Payments(server, String(++serial), { duplicateWindow: 100 });
    const ran: string[] = [];
    const options = { idempotent: { bucket: `ids_${serial}` } };
    const publish = async (jetstream: JetStreamService): Promise<void> => {
      const subject = `${payments.subject}.new`;
      await jetstream.publish(subject, { id: 'with' }, { messageId: 'm-1' });
      // The stream itself forgets the id after a tenth of a second.
      await eventually(
        () => jetstream.publish(subject, { id: 'with' }, { messageId: 'm-1' }),
        ({ duplicate }) => !duplicate,
      );
      for (const _ of [1, 2]) await jetstream.publish(subject, { id: 'without' });
    };
    await using bank = await payments.start(({ id }) => ran.push(id), options);
    const jetstream = bank.app.get(JetStreamService);
    await publish(jetstream);
    await payments.settled(bank);
    expect(ran).toEqual(['with', 'without', 'without']);

    // A new consumer of that name delivers all messages again.
    await bank.app.get(Handlers).stop('Bank.onPayment');
    await jetstream.deleteConsumer(payments.stream, 'bank');
    await using again = await payments.start(({ id }) => ran.push(id), options);
    await payments.settled(again);
    expect(ran).toHaveLength(3);
  });

  it('uses a header as the key, and terminates a message without it', async () => {
    const payments = new Payments(server, String(++serial));
    const ran: string[] = [];
    await using bank = await payments.start(({ id }) => ran.push(id), {
      idempotent: { bucket: `header_${serial}`, key: 'Payment-Id' },
    });
    const jetstream = bank.app.get(JetStreamService);
    const publish = (id: string, headers: Record<string, string>): Promise<unknown> =>
      jetstream.publish(`${payments.subject}.new`, { id }, { headers });
    await publish('first', { 'Payment-Id': '1' });
    await publish('same', { 'Payment-Id': '1' });
    await publish('other', { 'Payment-Id': '2' });
    await publish('none', {});
    await payments.settled(bank);
    expect(ran).toEqual(['first', 'other']);
    expect(bank.logs.of('warn', 'Settlement')).toEqual([
      expect.stringMatching(
        /^Bank\.onPayment: .*terminated \(it is not delivered again\): the message has no header "Payment-Id", which is the idempotence key/,
      ),
    ]);
  });

  it('calls a key function with the validated payload, and terminates a message without a key', async () => {
    const payments = new Payments(server, String(++serial));
    const ran: unknown[] = [];
    const schema = z.object({ id: z.string().transform(async (id) => Promise.resolve(id.toLowerCase())) });
    await using bank = await payments.start((payment) => ran.push(payment), {
      schema,
      idempotent: byId(`schema_${serial}`),
    });
    const jetstream = bank.app.get(JetStreamService);
    for (const id of ['A', 'a', '', 'B', 4]) await jetstream.publish(`${payments.subject}.new`, { id });
    await payments.settled(bank);
    expect(ran).toEqual([{ id: 'a' }, { id: 'b' }]);
    const warnings = bank.logs.of('warn', 'Settlement');
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toContain('the idempotence key must be a non-empty string; it is ""');
    expect(warnings[1]).toContain('invalid payload');
  });

  it('accepts any text as a key', async () => {
    const payments = new Payments(server, String(++serial));
    const ran: string[] = [];
    await using bank = await payments.start(({ id }) => ran.push(id), {
      idempotent: byId(`texts_${serial}`),
    });
    const jetstream = bank.app.get(JetStreamService);
    const long = 'x'.repeat(5_000);
    const keys = ['a.b', 'a=2eb', 'a b', '*', '>', '.', 'ünïcode ✓ 🙂', '\n', long, `${long}y`];
    for (const id of [...keys, ...keys]) await jetstream.publish(`${payments.subject}.new`, { id });
    await payments.settled(bank);
    expect(ran).toEqual(keys);
  });

  it('runs each key once between applications that handle at once', async () => {
    const payments = new Payments(server, String(++serial));
    const ran = new Map<string, number>();
    const pay = async ({ id }: Payment): Promise<void> => {
      ran.set(id, (ran.get(id) ?? 0) + 1);
      await new Promise((resolve) => setTimeout(resolve, 5));
    };
    const options = { idempotent: { ...byId(`shared_${serial}`), lease: 300 }, concurrency: 8 };
    await using first = await payments.start(pay, options);
    await using second = await payments.start(pay, options);
    const jetstream = first.app.get(JetStreamService);
    for (let i = 0; i < 80; i++) await jetstream.publish(`${payments.subject}.new`, { id: `p-${i % 20}` });
    await payments.settled(second);
    expect(ran.size).toBe(20);
    expect([...ran.values()].every((count) => count === 1)).toBe(true);
  });

  it('runs a failed handler again without waiting for the lease', async () => {
    const payments = new Payments(server, String(++serial));
    const ran: number[] = [];
    const pay = (_: Payment, { metadata }: { metadata: { deliveryCount: number } }): void => {
      ran.push(metadata.deliveryCount);
      if (metadata.deliveryCount < 3) throw new Error('the bank is closed');
    };
    await using bank = await payments.start(pay, {
      idempotent: { ...byId(`failing_${serial}`), lease: 20_000 },
      retry: { backoff: [10] },
    });
    const jetstream = bank.app.get(JetStreamService);
    for (const _ of [1, 2]) await jetstream.publish(`${payments.subject}.new`, { id: 'a' });
    await payments.settled(bank);
    // The second message may be delivered between the deliveries of the first one; then it succeeds.
    expect(ran.filter((count) => count === 3).length).toBe(1);
  });

  it('renews the claim of a handler that takes longer than the lease, and returns duplicates', async () => {
    const payments = new Payments(server, String(++serial));
    const ran: string[] = [];
    const slow = async (): Promise<void> => {
      ran.push('slow');
      await new Promise((resolve) => setTimeout(resolve, 1_200));
    };
    const options = { idempotent: { ...byId(`slow_${serial}`), lease: 300 } };
    await using first = await payments.start(slow, options);
    const jetstream = first.app.get(JetStreamService);
    await jetstream.publish(`${payments.subject}.new`, { id: 'a' });
    await eventually(
      () => ran.length,
      (count) => count === 1,
    );
    // The second instance receives the duplicate.
    await first.app.get(Handlers).pause('Bank.onPayment');
    await using second = await payments.start(() => ran.push('second'), options);
    await jetstream.publish(`${payments.subject}.new`, { id: 'a' });
    await eventually(
      async () => (await jetstream.consumer(payments.stream, 'bank')).info(),
      ({ numRedelivered }) => numRedelivered > 0,
    );
    await payments.settled(second);
    expect(ran).toEqual(['slow']);
    expect(first.logs.of('warn', 'Idempotence')).toEqual([]);
  });

  it('waits if the duplicate of a running key is in its last delivery', async () => {
    const payments = new Payments(server, String(++serial));
    const ran: string[] = [];
    const bank = gate();
    const options: Parameters<typeof payments.start>[1] = {
      idempotent: { ...byId(`last_${serial}`), lease: 300 },
      retry: { maxDeliver: 1 },
      concurrency: 2,
    };
    await using application = await payments.start(async ({ id }) => {
      ran.push(id);
      await bank.opened;
    }, options);
    const jetstream = application.app.get(JetStreamService);
    for (const _ of [1, 2]) await jetstream.publish(`${payments.subject}.new`, { id: 'a' });
    const consumer = await jetstream.consumer(payments.stream, 'bank');
    await eventually(
      () => consumer.info(),
      ({ numAckPending }) => numAckPending === 2,
    );
    bank.open();
    await payments.settled(application);
    expect(ran).toEqual(['a']);
    expect(application.logs.of('error')).toEqual([]);
  });

  it('separates the keys of handlers and methods that share a bucket', async () => {
    const payments = new Payments(server, String(++serial));
    const bucket = `apart_${serial}`;
    const ran: string[] = [];
    @Injectable()
    class Single {
      @JsConsumer({ stream: payments.stream, durable: 'single', idempotent: byId(bucket) })
      onPayment(@Payload() { id }: Payment): void {
        ran.push(`single ${id}`);
      }
    }
    @JsConsumer({ stream: payments.stream, durable: 'both', idempotent: byId(bucket) })
    class Both {
      @JsHandler(`${payments.subject}.new`)
      onNew(@Payload() { id }: Payment): void {
        ran.push(`new ${id}`);
      }

      @JsHandler(`${payments.subject}.void`)
      onVoid(@Payload() { id }: Payment): void {
        ran.push(`void ${id}`);
      }
    }
    await using application = await payments.startWith([Single, Both]);
    const jetstream = application.app.get(JetStreamService);
    for (const kind of ['new', 'void', 'new', 'void']) {
      await jetstream.publish(`${payments.subject}.${kind}`, { id: 'a' });
    }
    await payments.settled(application, 'single');
    await payments.settled(application, 'both');
    expect(ran.toSorted()).toEqual(['new a', 'single a', 'void a']);
  });

  it.each(['guarded', 'request-scoped'])('wraps the whole pipeline of a handler: %s', async (kind) => {
    const payments = new Payments(server, String(++serial));
    const ran: string[] = [];
    const options: JsConsumerOptions = {
      stream: payments.stream,
      durable: 'bank',
      idempotent: byId(`pipeline_${serial}`),
    };
    @Injectable({ scope: kind === 'guarded' ? Scope.DEFAULT : Scope.REQUEST })
    class Bank {
      @UseGuards(AllowAll)
      @JsConsumer(options)
      async onPayment(@Payload() { id }: Payment): Promise<void> {
        await Promise.resolve();
        ran.push(id);
      }
    }
    await using application = await payments.startWith([Bank]);
    const jetstream = application.app.get(JetStreamService);
    for (const id of ['a', 'a', 'b']) await jetstream.publish(`${payments.subject}.new`, { id });
    await payments.settled(application);
    expect(ran).toEqual(['a', 'b']);
  });

  it('marks a key as done only after the result of its handler is published', async () => {
    const payments = new Payments(server, String(++serial));
    const ran: string[] = [];
    const receipts = `receipts.${serial}`;
    @Injectable()
    class Bank {
      @JsConsumer({
        stream: payments.stream,
        durable: 'bank',
        idempotent: byId(`receipts_${serial}`),
        retry: { backoff: [10] },
      })
      @PublishTo((_, { metadata }) => (metadata.deliveryCount === 1 ? `unused.${receipts}` : receipts))
      onPayment(@Payload() payment: Payment): Payment {
        ran.push(payment.id);
        return payment;
      }
    }
    await using application = await payments.startWith([Bank], {
      feature: { streams: [{ name: `RECEIPTS_${serial}`, subjects: [receipts], storage: 'memory' }] },
    });
    const jetstream = application.app.get(JetStreamService);
    await jetstream.publish(`${payments.subject}.new`, { id: 'a' });
    await payments.settled(application);
    await jetstream.publish(`${payments.subject}.new`, { id: 'a' });
    await payments.settled(application);
    expect(ran).toEqual(['a', 'a']);
    const { state } = await (await jetstream.stream(`RECEIPTS_${serial}`)).info();
    expect(state.messages).toBe(1);
  });

  it('forgets a key after its ttl', async () => {
    const payments = new Payments(server, String(++serial));
    const bucket = `ttl_${serial}`;
    const ran: string[] = [];
    await using bank = await payments.start(({ id }) => ran.push(id), {
      idempotent: { ...byId(bucket), ttl: 1_000, lease: 500 },
    });
    const jetstream = bank.app.get(JetStreamService);
    const publish = (): Promise<unknown> => jetstream.publish(`${payments.subject}.new`, { id: 'a' });
    for (const _ of [1, 2]) await publish();
    await payments.settled(bank);
    expect(ran).toEqual(['a']);
    const values = await bank.app.get(KeyValueService).open(bucket);
    expect((await values.status()).ttl).toBe(1_000);
    await eventually(
      async () => (await values.status()).values,
      (count) => count === 0,
    );
    await publish();
    await payments.settled(bank);
    expect(ran).toEqual(['a', 'a']);
  });

  it('stores that a handler ran, even if that takes several attempts', async () => {
    const payments = new Payments(server, String(++serial));
    const bucket = `lost_${serial}`;
    const bank = gate();
    let runs = 0;
    await using application = await payments.start(
      async () => {
        runs++;
        await bank.opened;
      },
      { idempotent: byId(bucket) },
      { options: { jetstream: { timeout: 500 } } },
    );
    const jetstream = application.app.get(JetStreamService);
    const keyValue = application.app.get(KeyValueService);
    await jetstream.publish(`${payments.subject}.new`, { id: 'a' });
    await eventually(
      () => runs,
      (count) => count === 1,
    );
    await keyValue.delete(bucket);
    bank.open();
    await eventually(
      () => application.logs.of('error', 'Idempotence'),
      (lines) =>
        lines.length > 0 &&
        /^Bank\.onPayment: key ".*\.a" was handled, but this could not be stored yet/.test(lines[0]),
    );
    await keyValue.create({ bucket });
    await payments.settled(application);
    await jetstream.publish(`${payments.subject}.new`, { id: 'a' });
    await payments.settled(application);
    expect(runs).toBe(1);
  });
});
