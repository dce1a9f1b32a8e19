import {
  type CallHandler,
  Controller,
  type ExecutionContext,
  Injectable,
  Module,
  type NestInterceptor,
  UseInterceptors,
} from '@nestjs/common';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { InjectJetStream, JetStreamModule, JetStreamService, JsConsumer } from 'nestjs-nats-jetstream';
import { JetStreamClient, JetStreamRecord, JetStreamServer } from 'nestjs-nats-jetstream/microservice';
import { JetStreamTestKit } from 'nestjs-nats-jetstream/testing';
import { firstValueFrom, lastValueFrom, type Observable } from 'rxjs';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';

@Injectable()
class Doubling implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const data = context.switchToRpc().getData<{ value: number }>();
    data.value *= 2;
    return next.handle();
  }
}

@Controller()
class Sums {
  constructor(@InjectJetStream() private readonly jetstream: JetStreamService) {}

  @MessagePattern('sum')
  async sum(@Payload() numbers: readonly number[]): Promise<number> {
    await this.jetstream.publish('audit.sum', numbers);
    return numbers.reduce((sum, number) => sum + number, 0);
  }

  @MessagePattern('jobs.sum', { mode: 'jetstream' })
  later(@Payload() numbers: readonly number[]): number {
    return numbers.length;
  }

  @EventPattern('audit.event')
  async onEvent(@Payload() _data: unknown): Promise<void> {
    await this.jetstream.publish('audit.handled', 1);
  }

  @EventPattern('audit.failing', { retry: { backoff: [2_000] } })
  @UseInterceptors(Doubling)
  onFailing(@Payload() data: { readonly value: number }): unknown {
    return data;
  }

  @EventPattern('notes', { mode: 'core' })
  onNote(@Payload() _data: unknown): void {}
}

@Injectable()
class Audit {
  @JsConsumer({ stream: 'AUDIT', durable: 'audit' })
  onAudit(): void {}
}

@Module({
  imports: [
    JetStreamModule.forRoot({}),
    JetStreamModule.forFeature({
      streams: [
        { name: 'AUDIT', subjects: ['audit.>'] },
        { name: 'JOBS', subjects: ['jobs.>'] },
      ],
    }),
  ],
  controllers: [Sums],
  providers: [Audit],
})
class SumsModule {}

describe('A flow through microservices', () => {
  let kit: JetStreamTestKit;
  let client: JetStreamClient;

  beforeAll(async () => {
    kit = await JetStreamTestKit.start({
      imports: [SumsModule],
      http: true,
      timeScale: 0.01,
      configure: async (app) => {
        app.connectMicroservice({
          strategy: new JetStreamServer({ name: 'sums', connection: app.get(JetStreamService) }),
        });
        await app.startAllMicroservices();
      },
    });
    client = new JetStreamClient({ connection: kit.get(JetStreamService) });
    await client.connect();
  });

  afterAll(async () => {
    await client.close();
    await kit.close();
  });

  it('contains a request, its handler and what that publishes', async () => {
    const tracked = kit.track(() => firstValueFrom(client.send<number>('sum', [1, 2])));
    const flow = await tracked.settled();
    expect(await tracked.result).toBe(3);
    const handled = flow.handled.map(({ handler, outcome }) => [handler, outcome]);
    expect(handled).toContainEqual(['sums: sum', 'answered']);
    expect(handled).toContainEqual(['Audit.onAudit', 'acked']);
  });

  it('contains a request that waits in a stream', async () => {
    const record = new JetStreamRecord([1, 2], { mode: 'jetstream' });
    const tracked = kit.track(() => firstValueFrom(client.send<number>('jobs.sum', record)));
    const flow = await tracked.settled();
    expect(await tracked.result).toBe(2);
    expect(flow.handled).toHaveLength(1);
  });

  it('contains events, durable ones and those of core NATS', async () => {
    const flow = await kit
      .track(async () => {
        await lastValueFrom(client.emit('audit.event', 1), { defaultValue: undefined });
        await lastValueFrom(client.emit('notes', new JetStreamRecord(1, { mode: 'core' })), {
          defaultValue: undefined,
        });
      })
      .settled();
    const handled = flow.handled.map(({ handler }) => handler);
    expect(handled.filter((handler) => handler === 'Audit.onAudit')).toHaveLength(2);
    expect(handled).toContain('sums: notes');
    expect(flow.published.map(({ subject }) => subject)).toContain('audit.handled');
  });

  describe('with spies', () => {
    afterEach(() => vi.restoreAllMocks());

    it.each(['Sums.sum', 'sums: sum'])('records the calls of %s', async (name) => {
      const spy = kit.spyOn(name);
      const sum = firstValueFrom(client.send<number>('sum', [1, 2, 3]));
      expect(await sum).toBe(6);
      expect(spy).toHaveBeenCalledWith([1, 2, 3]);
      spy.restore();
      await firstValueFrom(client.send<number>('sum', [1]));
      expect(spy.calls).toHaveLength(1);
    });

    it('replaces the handler of a durable event, whose interceptors stay', async () => {
      const values: number[] = [];
      const restore = kit.replace(
        "@EventPattern('audit.failing')",
        ({ value }: { readonly value: number }) => {
          values.push(value);
          if (values.length === 1) throw new Error('once');
        },
      );
      const startedAt = performance.now();
      const flow = await kit.publish('audit.failing', { value: 1 }).settled();
      restore();
      expect(values).toEqual([2, 2]);
      expect(flow.handled.map(({ outcome }) => outcome)).toContain('retried');
      // The backoff is shortened.
      expect(performance.now() - startedAt).toBeLessThan(1_500);
      expect(kit.timeScale).toBe(0.01);
    });

    it.each(['instance', 'prototype'])('sees a spy of the test runner on the %s', async (place) => {
      const spy = vi.spyOn(place === 'instance' ? kit.get(Sums) : Sums.prototype, 'sum');
      expect(await firstValueFrom(client.send<number>('sum', [4]))).toBe(4);
      spy.mockResolvedValue(-1);
      expect(await firstValueFrom(client.send<number>('sum', [5]))).toBe(-1);
      expect(spy.mock.calls).toEqual([[[4]], [[5]]]);
    });

    it('names the handlers that exist', () => {
      expect(() => kit.spyOn('Sums.total')).toThrow('Sums.sum');
    });
  });
});
