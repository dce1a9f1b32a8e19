import { Controller, Injectable, Module } from '@nestjs/common';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { InjectJetStream, JetStreamModule, JetStreamService, JsConsumer } from 'nestjs-nats-jetstream';
import { JetStreamClient, JetStreamRecord, JetStreamServer } from 'nestjs-nats-jetstream/microservice';
import { JetStreamTestKit } from 'nestjs-nats-jetstream/testing';
import { firstValueFrom, lastValueFrom } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

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
});
