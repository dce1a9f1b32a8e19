import { readFile } from 'node:fs/promises';
import { Injectable, Module } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { Handlers, JetStreamModule, JetStreamService, JsConsumer } from 'nestjs-nats-jetstream';
import { JetStreamTestKit, TestKitAssertionError, TestKitTimeoutError } from 'nestjs-nats-jetstream/testing';
import 'nestjs-nats-jetstream/testing/vitest';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

@Injectable()
class Billing {
  @JsConsumer({
    stream: 'ORDERS',
    durable: 'billing',
    filterSubjects: 'orders.placed',
    retry: { backoff: [60_000] },
  })
  onPlaced(@Payload() order: { readonly fails?: boolean }): void {
    if (order.fails) throw new RangeError('no such customer');
  }

  @JsConsumer({ stream: 'ORDERS', durable: 'hanging', filterSubjects: 'orders.hang' })
  onHang(): Promise<void> {
    return new Promise(() => undefined);
  }

  @JsConsumer({ stream: 'ORDERS', durable: 'shipping', filterSubjects: 'orders.paid' })
  onPaid(): void {}
}

@Module({
  imports: [
    JetStreamModule.forRoot({}),
    JetStreamModule.forFeature({ streams: [{ name: 'ORDERS', subjects: ['orders.*'] }] }),
  ],
  providers: [Billing],
})
class OrdersModule {}

/** The options of waits that fail. Long enough that a message is delivered before on a busy machine. */
const soon = { timeout: 500 };

describe('A wait that times out', () => {
  let kit: JetStreamTestKit;

  beforeAll(async () => {
    kit = await JetStreamTestKit.start({ imports: [OrdersModule] });
  });

  afterAll(() => kit.close());

  it('names the handler that hangs', async () => {
    const error = await failure(kit.publish('orders.hang').settled(soon));
    expect(error).toBeInstanceOf(TestKitTimeoutError);
    expect(masked(error)).toBe(
      'The message to "orders.hang" did not settle within N ms. Still pending:\n' +
        '  - Billing.onHang: "orders.hang" (ORDERS, sequence N) has been running for N ms in delivery N\n' +
        'Nothing was handled so far.',
    );
  });

  it('names the error of the last delivery, and when the next one is', async () => {
    const error = await failure(kit.publish('orders.placed', { fails: true }).settled(soon));
    expect(masked(error)).toBe(
      'The message to "orders.placed" did not settle within N ms. Still pending:\n' +
        '  - Billing.onPlaced: "orders.placed" (ORDERS, sequence N) was returned in delivery N, after it failed with ' +
        'RangeError: no such customer; next attempt in N ms\n' +
        'Handled so far:\n' +
        '  - Billing.onPlaced: "orders.placed" retried in delivery N, failed with RangeError: no such customer, ' +
        'payload { fails: true }',
    );
    expect(error).toMatchObject({
      cause: { message: 'no such customer' },
      pending: [{ handler: 'Billing.onPlaced', state: 'retrying', deliveryCount: 1 }],
      flow: { handled: [{ outcome: 'retried' }] },
    });
  });

  it('names the handler that is paused and did not receive its message', async () => {
    await kit.get(Handlers).pause('Billing.onPaid');
    const flow = kit.publish('orders.paid');
    const error = await failure(flow.settled(soon));
    expect(masked(error)).toBe(
      'The message to "orders.paid" did not settle within N ms. Still pending:\n' +
        '  - Billing.onPaid: "orders.paid" (ORDERS, sequence N) was not delivered within N ms; the handler is paused\n' +
        'Nothing was handled so far.',
    );
    await kit.get(Handlers).resume('Billing.onPaid');
    expect(await flow.settled()).toHaveHandled('Billing.onPaid');
  });

  it('names the handler whose connection was closed before it settled its message', async () => {
    await using closing = await JetStreamTestKit.start({ imports: [OrdersModule] });
    closing.replace('Billing.onPaid', () => closing.get(JetStreamService).connection.nc.close());
    const flow = closing.publish('orders.paid');
    await closing.handled('Billing.onPaid', { outcome: 'lost' });
    expect(masked(await failure(flow.settled(soon)))).toContain(
      'Billing.onPaid: "orders.paid" (ORDERS, sequence N) was not settled in delivery N, because its connection was closed ' +
        'before; it is delivered again after its ackWait; the handler belongs to an application that is closed\n',
    );
  });

  it('names the message that was not handled, and what is pending elsewhere', async () => {
    const error = await failure(kit.handled('Billing.onPaid', { payload: { id: 1 }, ...soon }));
    expect(masked(error)).toContain(
      'There was no handled message of Billing.onPaid with payload { id: N } within N ms. Still pending:\n' +
        '  - Billing.onHang: "orders.hang"',
    );
    expect(masked(await failure(kit.idle(soon)))).toContain(
      'The application is not idle after N ms. Still pending:\n  - Billing.onHang: "orders.hang"',
    );
    expect(masked(await failure(kit.deadLettered('Billing.onPlaced', soon)))).toContain(
      'There was no dead letter of Billing.onPlaced within N ms.',
    );
  });

  it('names the messages and actions of the test that failed', async () => {
    const flows = [
      kit.publish('nowhere', { id: 1 }),
      kit.track(() => Promise.reject(new TypeError('no window'))),
    ];
    await Promise.allSettled(flows.map(({ result }) => result));
    for (const wait of [
      () => kit.handled('Billing.onPaid', { payload: { id: 7 }, ...soon }),
      () => kit.idle(soon),
    ]) {
      expect((await failure(wait())).message).toMatch(
        /Failed so far:\n  - (The message to "nowhere": \w+Error: .+|The action of the test: TypeError: no window)\n.+: \w+Error: /,
      );
    }
    kit.forget();
    expect((await failure(kit.idle(soon))).message).not.toContain('Failed so far');
  });

  it('names the delivery that was not expected', async () => {
    const nothing = failure(kit.expectNothing('Billing.onPaid', { within: 5_000 }));
    await kit.publish('orders.paid', { id: 2 }).settled();
    const error = await nothing;
    expect(error).toBeInstanceOf(TestKitAssertionError);
    expect(masked(error)).toBe(
      'Expected no delivery of Billing.onPaid for N ms, but there was one: Billing.onPaid: "orders.paid" acked in ' +
        'delivery N, payload { id: N }',
    );
    await kit.expectNothing('Billing.onPlaced', { within: 20 });
  });

  it('expects no delivery either to a handler that fails', async () => {
    const nothing = failure(kit.expectNothing('Billing.onPlaced', { within: 5_000 }));
    await kit.publish('orders.placed', { fails: true }).result;
    expect((await nothing).message).toContain(
      'retried in delivery 1, failed with RangeError: no such customer',
    );
  });

  it('refuses the name of a handler that does not exist', async () => {
    for (const wait of [
      () => kit.handled('Billing.onPayed'),
      () => kit.deadLettered({ handler: 'Billing.onPayed' }),
      () => kit.expectNothing('Billing.onPayed', { within: 20 }),
    ])
      expect((await failure(wait())).message).toContain('The known handlers are: Billing.onPlaced');
    const flow = await kit.publish('orders.paid', { id: 3 }).settled();
    expect(() => expect(flow).not.toHaveHandled('Billing.onPayed')).toThrow('There is no handler');
    expect(() => expect(flow).not.toHaveDeadLettered('Billing.onPayed')).toThrow('There is no handler');
  });

  it('shows what a flow has instead of what a matcher expects', async () => {
    const flow = await kit.publish('orders.paid', { id: 3 }).settled();
    expect(() => expect(flow).toHaveHandled('Billing.onPaid', { outcome: 'terminated' })).toThrow(
      "Expected that Billing.onPaid handled a message with outcome 'terminated'.\nHandled:\n" +
        '  - Billing.onPaid: "orders.paid" acked in delivery 1, payload { id: 3 }',
    );
    expect(() => expect(flow).toHavePublished('invoices.*')).toThrow(
      'Expected a message to "invoices.*".\nPublished:\n  - "orders.paid", payload { id: 3 }',
    );
    expect(() => expect(flow).toHaveDeadLettered('Billing.onPaid')).toThrow(
      "Expected a dead letter with handler 'Billing.onPaid'.\nNothing was dead-lettered.",
    );
    expect(() => expect({}).toHaveHandled('Billing.onPaid')).toThrow('a value that is not a flow');
  });
});

describe('Matchers', () => {
  const flow = { handled: [], published: [], deadLettered: [] };

  it.each<[string, () => void, string]>([
    ['no handler', () => expect(flow).not.toHaveHandled(undefined as never), 'Invalid handler'],
    [
      'properties that are null',
      () => expect(flow).not.toHaveHandled('A.b', null as never),
      'null is not an object',
    ],
    [
      'a negative number',
      () => expect(flow).not.toHaveHandled('A.b', { times: -1 }),
      '-1 is not a whole number',
    ],
    [
      'a text as number',
      () => expect(flow).not.toHaveHandled('A.b', { times: '1' as never }),
      'is not a whole number',
    ],
    ['no subject', () => expect(flow).not.toHavePublished(undefined as never), 'Invalid subject'],
    ['an empty subject', () => expect(flow).not.toHavePublished(''), 'Invalid subject'],
    ['a number as subject', () => expect(flow).not.toHavePublished(5 as never), 'Invalid subject'],
  ])('refuse %s', (_what, act, problem) => {
    expect(act).toThrow(problem);
  });
});

describe('The messages in the guide', () => {
  let kit: JetStreamTestKit;

  beforeEach(async () => {
    kit = await JetStreamTestKit.start({ imports: [OrdersModule] });
  });

  afterEach(() => kit.close());

  const expectInGuide = async (wait: Promise<unknown>): Promise<void> => {
    const guide = await readFile(new URL('../../../docs/testing.md', import.meta.url), 'utf8');
    const printed = [...guide.matchAll(/^```text\n([^]*?)\n```$/gm)].map(([, text]) =>
      masked({ message: text }),
    );
    expect(printed).toContain(masked(await failure(wait)));
  };

  it('are those of a handler that hangs', async () => {
    await expectInGuide(kit.publish('orders.hang', { id: 1 }).settled(soon));
  });

  it('are those of a message that is lost', async () => {
    const handlers = kit.get(Handlers);
    await handlers.pause('Billing.onPaid');
    const flow = kit.publish('orders.paid', { id: 1 });
    await flow.result;
    await (await kit.get(JetStreamService).stream('ORDERS')).purge();
    await handlers.resume('Billing.onPaid');
    await expectInGuide(flow.settled(soon));
  });

  it('are those of an outcome that was not expected', async () => {
    await kit.publish('orders.paid', { id: 1 }).settled();
    await expectInGuide(kit.handled('Billing.onPaid', { outcome: 'dead-lettered', ...soon }));
  });
});

async function failure(wait: Promise<unknown>): Promise<Error> {
  const error: unknown = await wait.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof Error) return error;
  throw new Error('the wait did not fail');
}

/** The message without the numbers that differ in each run. */
function masked({ message }: Pick<Error, 'message'>): string {
  return message.replaceAll(/\d+/g, 'N');
}
