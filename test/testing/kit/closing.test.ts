import { Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { JetStreamModule, JetStreamService, JsConsumer, NatsSubscribe } from 'nestjs-nats-jetstream';
import { JetStreamTestKit } from 'nestjs-nats-jetstream/testing';
import { describe, expect, it, vi } from 'vitest';
import { LogRecorder } from '../../support/log-recorder.js';

@Injectable()
class Billing {
  @JsConsumer({ stream: 'ORDERS', durable: 'billing', filterSubjects: 'orders.placed' })
  onPlaced(): void {}

  @JsConsumer({ stream: 'ORDERS', durable: 'hanging', filterSubjects: 'orders.hang' })
  onHang(): Promise<void> {
    return new Promise(() => undefined);
  }
}

@Injectable()
class Clock {
  @NatsSubscribe('ticks')
  onTick(): void {}

  @JsConsumer({ stream: 'ORDERS', ordered: true, filterSubjects: 'orders.shipped' })
  onShipped(): void {}
}

const imports = [
  JetStreamModule.forRoot({}),
  JetStreamModule.forFeature({ streams: [{ name: 'ORDERS', subjects: ['orders.*'] }] }),
];

@Module({ imports, providers: [Billing] })
class OrdersModule {}

@Module({ imports, providers: [Clock] })
class ClockModule {}

const start = (): Promise<JetStreamTestKit> => JetStreamTestKit.start({ imports: [OrdersModule] });
const compile = (kit: JetStreamTestKit) =>
  kit.prepare(Test.createTestingModule({ imports: [ClockModule] })).compile();

describe('A kit that is closed', () => {
  it('ends the waits of a test at once, and says what they waited for', async () => {
    const kit = await start();
    const flow = kit.publish('orders.hang');
    await flow.result;
    const waits = [
      flow.settled({ timeout: 60_000 }),
      kit.idle({ timeout: 60_000 }),
      kit.handled('Billing.onPlaced', { timeout: 60_000 }),
      kit.deadLettered('Billing.onPlaced', { timeout: 60_000 }),
      kit.expectNothing('Billing.onPlaced', { within: 60_000 }),
    ];
    const outcomes = Promise.allSettled(waits);
    await kit.close();
    const texts = (await outcomes).map((each) =>
      each.status === 'rejected' ? String(each.reason) : each.status,
    );
    const common = 'InvalidArgumentError: Invalid kit: it was closed before a wait had ended.';
    expect(texts.filter((each) => !each.startsWith(common))).toEqual([]);
    expect(texts.map((each) => each.split('closes the kit. ')[1].split('. Still')[0])).toEqual([
      'The message to "orders.hang" did not settle',
      'The application is not idle',
      'There was no handled message of Billing.onPlaced',
      'There was no dead letter of Billing.onPlaced',
      'Whether there was no delivery of Billing.onPlaced is not known.',
    ]);
    expect(texts[0]).toContain('\n  - Billing.onHang: "orders.hang" (ORDERS, sequence 1)');
    await expect(flow.settled()).rejects.toThrow('it was closed before a wait had ended');
  });

  it('keeps the flow of a message that had settled', async () => {
    const kit = await start();
    const flow = kit.publish('orders.placed');
    await flow.settled();
    await kit.close();
    expect((await flow.settled()).handled).toHaveLength(1);
  });

  it('refuses spies, replacements and other applications', async () => {
    const kit = await start();
    await kit.close();
    expect(() => kit.spyOn('Billing.onPlaced')).toThrow('it is closed');
    expect(() => kit.replace('Billing.onPlaced', () => undefined)).toThrow('it is closed');
    expect(() => kit.prepare(Test.createTestingModule({}))).toThrow('it is closed');
  });

  it('closes each application, also if another one cannot be closed', async () => {
    const kit = await start();
    const app = await (await compile(kit)).init();
    await kit.alsoTrack(app);
    vi.spyOn(app, 'close').mockRejectedValue(new Error('the printer is busy'));
    await expect(kit.close()).rejects.toThrow('the printer is busy');
    await expect(kit.get(JetStreamService).publish('orders.placed')).rejects.toThrow('is closed');
    vi.restoreAllMocks();
    await app.close();
  });

  it('warns of an application that does not close', async () => {
    @Injectable()
    class Slow {
      release = (): void => undefined;

      onModuleDestroy(): Promise<void> {
        return new Promise((resolve) => (this.release = resolve));
      }
    }
    const logs = new LogRecorder();
    const kit = await JetStreamTestKit.start({ imports: [OrdersModule], providers: [Slow], logger: logs });
    const closing = kit.close();
    await vi.waitFor(
      () => expect(logs.of('warn').join()).toContain('onModuleDestroy, may not have ended'),
      20_000,
    );
    kit.get(Slow).release();
    await closing;
  });
});

describe('Another application of a kit', () => {
  it('is not waited for after it was closed', async () => {
    await using kit = await start();
    const app = await (await compile(kit)).init();
    await kit.alsoTrack(app);
    await kit.alsoTrack(app);
    const handled = async (): Promise<readonly string[]> => {
      const flows = [kit.publish('ticks', 1, { core: true }), kit.publish('orders.shipped')];
      const settled = await Promise.all(flows.map((flow) => flow.settled()));
      return settled.flatMap((flow) => flow.handled.map(({ handler }) => handler));
    };
    expect(await handled()).toEqual(['Clock.onTick', 'Clock.onShipped']);
    await app.close();
    expect(await handled()).toEqual([]);
    await expect(kit.alsoTrack(app)).rejects.toThrow('Invalid app: it is closed');
    const again = await (await compile(kit)).init();
    await kit.alsoTrack(again);
    expect(await handled()).toEqual(['Clock.onTick', 'Clock.onShipped']);
  });

  it('is refused before it was started', async () => {
    await using kit = await start();
    const app = await compile(kit);
    await expect(kit.alsoTrack(app)).rejects.toThrow('it was not started: await app.init()');
    await app.init();
    await kit.alsoTrack(app);
  });
});
