import { Injectable } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  JetStreamModule,
  JsConsumer,
  JsSchedule,
  PublishTo,
  ScheduleContext,
  Schedules,
} from 'nestjs-nats-jetstream';
import { JetStreamTestKit } from 'nestjs-nats-jetstream/testing';
import { describe, expect, it } from 'vitest';
import { LogRecorder } from '../../support/log-recorder.js';

@Injectable()
class Reports {
  readonly fired: string[] = [];

  @JsSchedule('* * * * * *')
  @PublishTo('reports.created')
  daily(@Payload() month: number | undefined, @Ctx() { run }: ScheduleContext): object {
    this.fired.push(run.trigger);
    return { month: month ?? run.dueTime.getUTCMonth() };
  }

  @JsSchedule('@yearly', { retry: { maxDeliver: 2, backoff: [5] }, deadLetter: true })
  broken(): void {
    throw new Error('no paper');
  }

  @JsConsumer({ stream: 'REPORTS', durable: 'archive' })
  archive(): void {}
}

const module = {
  imports: [
    JetStreamModule.forRoot({ schedules: { stream: { replicas: 3 } } }),
    JetStreamModule.forFeature({ streams: [{ name: 'REPORTS', subjects: ['reports.>'], replicas: 3 }] }),
  ],
  providers: [Reports],
};

describe.each(['2.15', '2.10'])('JetStreamTestKit.fire on nats-server %s', (version) => {
  it('follows all that a run causes', async () => {
    await using kit = await JetStreamTestKit.start({ ...module, version, logger: new LogRecorder() });
    const flow = await kit.fire('Reports.daily', 7).settled();
    const handled = flow.handled.map(({ handler, outcome, payload }) => ({ handler, outcome, payload }));
    expect(handled.toSorted((a, b) => (a.handler < b.handler ? -1 : 1))).toEqual([
      { handler: 'Reports.archive', outcome: 'acked', payload: { month: 7 } },
      { handler: 'Reports.daily', outcome: 'acked', payload: 7 },
    ]);
    expect(await kit.fire('Reports.daily').result).toMatch(/^[\da-f-]{36}$/);
  });

  it('reports failures as other flows do', async () => {
    await using kit = await JetStreamTestKit.start({ ...module, version, logger: new LogRecorder() });
    await expect(kit.fire('Reports.broken').settled()).rejects.toThrow('no paper');
    const flow = await kit.fire('Reports.broken').settled({ errors: 'return' });
    expect(flow.handled.map(({ outcome }) => outcome)).toEqual(['retried', 'dead-lettered']);
    await expect(kit.fire('Reports.unknown').settled()).rejects.toThrow(
      /There is no schedule "Reports.unknown"/,
    );
  });

  it('is the only way in which schedules run, unless the option schedules is set', async () => {
    {
      await using kit = await JetStreamTestKit.start({ ...module, version, logger: new LogRecorder() });
      await kit.expectNothing('Reports.daily', { within: 2_500 });
      expect(await kit.get(Schedules).list()).toHaveLength(2);
    }
    await using firing = await JetStreamTestKit.start({
      ...module,
      version,
      logger: new LogRecorder(),
      schedules: true,
    });
    await firing.handled('Reports.daily', { timeout: 15_000 });
    expect(firing.get(Reports).fired).toContain('schedule');
  });
});
