import { Injectable, Module } from '@nestjs/common';
import { JetStreamModule, JsConsumer } from 'nestjs-nats-jetstream';
import { JetStreamTestKit, TestKitTimeoutError } from 'nestjs-nats-jetstream/testing';
import { expect, it } from 'vitest';
import { LogRecorder } from '../../support/log-recorder.js';

@Injectable()
class Billing {
  readonly release: (() => void)[] = [];
  thrown: unknown;

  @JsConsumer({ stream: 'ORDERS', durable: 'hanging', filterSubjects: 'orders.hang' })
  onHang(): Promise<void> {
    return new Promise((resolve) => this.release.push(resolve));
  }

  @JsConsumer({
    stream: 'ORDERS',
    durable: 'failing',
    filterSubjects: 'orders.fail',
    retry: { backoff: [600_000] },
  })
  onFail(): void {
    throw this.thrown;
  }
}

@Module({
  imports: [
    JetStreamModule.forRoot({}),
    JetStreamModule.forFeature({ streams: [{ name: 'ORDERS', subjects: ['orders.*'] }] }),
  ],
  providers: [Billing],
})
class OrdersModule {}

const start = (): Promise<JetStreamTestKit> =>
  JetStreamTestKit.start({ imports: [OrdersModule], timeout: 500, logger: new LogRecorder() });

const failureOf = async (wait: Promise<unknown>): Promise<unknown> =>
  wait.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );

it('idle ends within its timeout after a flow that never settles, and names handler and message', async () => {
  await using kit = await start();
  await expect(kit.publish('orders.hang').settled()).rejects.toThrow(TestKitTimeoutError);
  for (const wait of [() => kit.idle(), () => kit.idle({ timeout: 200 })]) {
    const startedAt = performance.now();
    const error = await failureOf(wait());
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    expect(error).toBeInstanceOf(TestKitTimeoutError);
    expect((error as Error).message).toMatch(
      /^The application is not idle after \d+ ms\. Still pending:\n {2}- Billing\.onHang: "orders\.hang" \(ORDERS, sequence 1\) has been running for \d+ ms in delivery 1\n/,
    );
    expect(error).toMatchObject({
      pending: [{ handler: 'Billing.onHang', subject: 'orders.hang', state: 'running' }],
    });
  }
  for (const release of kit.get(Billing).release) release();
  await kit.idle({ timeout: 10_000 });
});

const refuse = (): never => {
  throw new Error('a trap');
};

it.each<[string, unknown]>([
  ['an error whose message throws', Object.defineProperty(new Error(''), 'message', { get: refuse })],
  ['an error whose name throws', Object.defineProperty(new Error('x'), 'name', { get: refuse })],
  [
    'an error whose name is a symbol',
    Object.defineProperty(new Error('x'), 'name', { value: Symbol('name') }),
  ],
  ['an object that cannot be shown', { [Symbol.for('nodejs.util.inspect.custom')]: refuse }],
  [
    'a proxy that refuses everything',
    new Proxy({}, { get: refuse, getPrototypeOf: refuse, ownKeys: refuse }),
  ],
])('all waits end in time if a handler throws %s', async (_, thrown) => {
  const kit = await start();
  kit.get(Billing).thrown = thrown;
  const flow = kit.publish('orders.fail');
  await kit.handled('Billing.onFail', { outcome: 'retried', timeout: 10_000 });
  await Promise.allSettled([kit.track(() => Promise.reject(thrown)).result]);
  const errors = await Promise.all(
    [flow.settled(), kit.idle(), kit.handled('Billing.onHang'), kit.deadLettered('Billing.onFail')].map(
      failureOf,
    ),
  );
  for (const error of errors) {
    expect(error).toBeInstanceOf(TestKitTimeoutError);
    expect((error as Error).message).toContain(
      'Billing.onFail: "orders.fail" (ORDERS, sequence 1) was returned in delivery 1',
    );
  }
  const open = failureOf(kit.idle({ timeout: 60_000 }));
  await kit.close();
  expect(String(await open)).toContain('it was closed before a wait had ended');
});
