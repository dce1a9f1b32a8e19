import { setTimeout as sleep } from 'node:timers/promises';
import {
  type CallHandler,
  type CanActivate,
  Catch,
  type ExecutionContext,
  Injectable,
  type NestInterceptor,
  type RpcExceptionFilter,
  UseFilters,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  DeadLetters,
  JetStreamService,
  JsHeaders,
  JsSchedule,
  PublishTo,
  SCHEDULE_HEADERS,
  ScheduleContext,
  type ScheduledRun,
  type ScheduleOverlap,
  Schedules,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { type Observable, tap } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { seconds, startScheduled, steps, uniqueStream, VERSIONS } from './support.js';

const NEVER_SOON = '0 0 0 29 2 *';

describe.each(VERSIONS)('the runs of schedules on nats-server %s', (version) => {
  let server: NatsTestServer;
  beforeAll(async () => {
    server = await NatsTestServer.start({ version });
  });
  afterAll(() => server.stop());

  it('take place at each due time, once in all instances', async () => {
    const runs: (ScheduledRun & { instance: number })[] = [];
    const stream = uniqueStream();
    const start = (instance: number) => {
      @Injectable()
      class Reports {
        @JsSchedule('* * * * * *', { overlap: 'allow' })
        each(@Ctx() { run }: ScheduleContext): void {
          runs.push({ ...run, instance });
        }

        @JsSchedule({ every: 2_000 })
        second(@Ctx() { run }: ScheduleContext): void {
          runs.push({ ...run, instance });
        }
      }
      return startScheduled(server, stream, [Reports]);
    };
    await using first = await start(1);
    await using _ = await start(2);
    const countOf = (name: string): number => runs.filter(({ schedule }) => schedule === name).length;
    await eventually(
      () => [countOf('Reports.each'), countOf('Reports.second')],
      ([each = 0, second = 0]) => each >= 5 && second >= 2,
      20_000,
    );
    const each = seconds(runs.filter(({ schedule }) => schedule === 'Reports.each'));
    expect(steps(each)).toEqual(each.slice(1).map(() => 1));
    const second = seconds(runs.filter(({ schedule }) => schedule === 'Reports.second'));
    expect(steps(second)).toEqual(second.slice(1).map(() => 2));
    for (const { firedAt, dueTime, attempt, trigger, id } of runs) {
      expect(firedAt.getTime()).toBeGreaterThanOrEqual(dueTime.getTime());
      expect({ attempt, trigger, id }).toEqual({ attempt: 1, trigger: 'schedule', id: undefined });
    }
    const info = await first.app.get(Schedules).get('Reports.each');
    expect(info.engine).toBe(version === '2.15' ? 'server' : 'leader');
  });

  it('take place once at a single time, also if the application starts again', async () => {
    const runs: ScheduledRun[] = [];
    const stream = uniqueStream();
    const at = new Date(Date.now() + 1_500);
    @Injectable()
    class Launch {
      @JsSchedule({ at })
      start(@Ctx() { run }: ScheduleContext): void {
        runs.push(run);
      }

      @JsSchedule({ at: new Date(Date.now() - 60_000) })
      tooLate(@Ctx() { run }: ScheduleContext): void {
        runs.push(run);
      }
    }
    {
      await using application = await startScheduled(server, stream, [Launch]);
      expect(application.logs.of('warn', 'Schedules')).toEqual([
        expect.stringMatching(/^Schedule "Launch.tooLate" never runs: its time, .* had passed/),
      ]);
      await eventually(
        () => runs,
        ({ length }) => length > 0,
      );
    }
    await using again = await startScheduled(server, stream, [Launch]);
    await eventually(
      () => again.app.get(Schedules).get('Launch.start'),
      ({ engine }) => engine !== undefined,
    );
    await sleep(500);
    expect(runs.map(({ dueTime, schedule }) => ({ dueTime, schedule }))).toEqual([
      { dueTime: at, schedule: 'Launch.start' },
    ]);
    expect(await again.app.get(Schedules).get('Launch.start')).toMatchObject({ nextDueTime: undefined, at });
  });

  it('have a payload, headers and a context like messages', async () => {
    const calls: unknown[] = [];
    @Injectable()
    class Reports {
      @JsSchedule(NEVER_SOON)
      plain(payload: unknown, context: ScheduleContext): void {
        calls.push(payload, context.run.trigger, context.subject);
      }

      @JsSchedule(NEVER_SOON, { name: 'named' })
      full(@Payload() payload: unknown, @JsHeaders(SCHEDULE_HEADERS.name) name: string): void {
        calls.push(payload, name);
      }
    }
    const stream = uniqueStream();
    await using application = await startScheduled(server, stream, [Reports]);
    const schedules = application.app.get(Schedules);
    await schedules.runNow('Reports.plain');
    await eventually(
      () => calls,
      ({ length }) => length === 3,
    );
    await schedules.runNow('named', { month: 7 });
    await eventually(
      () => calls,
      ({ length }) => length === 5,
    );
    expect(calls).toEqual([undefined, 'now', `${stream}.run.Reports.plain.now`, { month: 7 }, 'named']);
  });

  it('pass guards, interceptors and filters', async () => {
    const calls: string[] = [];
    @Injectable()
    class Guard implements CanActivate {
      canActivate(context: ExecutionContext): boolean {
        calls.push(`guard ${context.switchToRpc().getContext<ScheduleContext>().run.schedule}`);
        return true;
      }
    }
    @Injectable()
    class Interceptor implements NestInterceptor {
      intercept(_: ExecutionContext, next: CallHandler): Observable<unknown> {
        calls.push('interceptor');
        return next.handle().pipe(tap({ error: () => calls.push('error') }));
      }
    }
    @Catch()
    class Filter implements RpcExceptionFilter {
      catch(error: Error): Observable<never> {
        calls.push(`filter ${error.message}`);
        throw error;
      }
    }
    @Injectable()
    class Reports {
      @UseGuards(Guard)
      @UseInterceptors(Interceptor)
      @UseFilters(Filter)
      @JsSchedule(NEVER_SOON, { retry: { maxDeliver: 1 } })
      daily(): void {
        calls.push('method');
        throw new Error('no paper');
      }
    }
    await using application = await startScheduled(server, uniqueStream(), [Reports]);
    await application.app.get(Schedules).runNow('Reports.daily');
    await eventually(
      () => calls,
      ({ length }) => length === 5,
    );
    expect(calls).toEqual(['guard Reports.daily', 'interceptor', 'method', 'error', 'filter no paper']);
  });

  it('are retried, and become dead letters', async () => {
    const attempts: number[] = [];
    @Injectable()
    class Reports {
      @JsSchedule(NEVER_SOON, {
        retry: { maxDeliver: 2, backoff: [10] },
        deadLetter: true,
        name: `dead-${process.pid}`,
      })
      daily(@Ctx() { run }: ScheduleContext): void {
        attempts.push(run.attempt);
        throw new Error('no paper');
      }
    }
    await using application = await startScheduled(server, uniqueStream(), [Reports]);
    const schedules = application.app.get(Schedules);
    await schedules.runNow('Reports.daily');
    const { app } = application;
    const page = await eventually(
      () => app.get(DeadLetters).page({ handler: 'Reports.daily' }),
      ({ letters }) => letters.length === 1,
    );
    expect(page.letters[0]).toMatchObject({ handler: 'Reports.daily', deliveries: 2 });
    expect(attempts).toEqual([1, 2]);
    expect((await schedules.get('Reports.daily')).lastRun).toMatchObject({
      outcome: 'failed',
      attempt: 2,
      error: 'no paper',
      trigger: 'now',
    });
  });

  it('publish their results', async () => {
    @Injectable()
    class Reports {
      @JsSchedule(NEVER_SOON)
      @PublishTo('reports.created')
      daily(@Ctx() { run }: ScheduleContext): object {
        return { of: run.schedule };
      }
    }
    const stream = uniqueStream();
    await using application = await startScheduled(server, stream, [Reports]);
    const jetstream = application.app.get(JetStreamService);
    const reports = await jetstream.createStream({
      name: `R${stream}`,
      subjects: ['reports.>'],
      storage: 'memory',
    });
    try {
      await application.app.get(Schedules).runNow('Reports.daily');
      const { messages } = await eventually(
        async () => (await reports.info()).state,
        (state) => state.messages === 1,
      );
      expect(messages).toBe(1);
      expect((await reports.getMessage(1)).json()).toEqual({ of: 'Reports.daily' });
    } finally {
      await jetstream.deleteStream(reports.name);
    }
  });

  it('have one effect per due time if they are idempotent', async () => {
    const effects: Date[] = [];
    @Injectable()
    class Reports {
      @JsSchedule(NEVER_SOON, { idempotent: { bucket: 'effects' }, overlap: 'queue' })
      daily(@Ctx() { run }: ScheduleContext): void {
        effects.push(run.dueTime);
      }
    }
    const stream = uniqueStream();
    await using application = await startScheduled(server, stream, [Reports]);
    const jetstream = application.app.get(JetStreamService);
    const times = [1, 1, 2].map((day) => new Date(Date.UTC(2032, 1, day)));
    for (const time of times) {
      await jetstream.publish(`${stream}.run.Reports.daily.due`, '', {
        headers: { [SCHEDULE_HEADERS.dueTime]: time.toISOString() },
      });
    }
    await eventually(
      () => effects,
      ({ length }) => length === 2,
    );
    const consumer = await jetstream.consumer(stream, 'Reports-daily');
    await eventually(
      async () => (await consumer.info()).ackFloor.streamSequence,
      (floor) => floor === 3,
    );
    expect(effects).toEqual(times.slice(1));
  });

  it('do not take place if the schedule is not enabled', async () => {
    @Injectable()
    class Reports {
      @JsSchedule('* * * * * *', { enabled: false })
      off(): void {}

      @JsSchedule(NEVER_SOON)
      on(): void {}
    }
    await using application = await startScheduled(server, uniqueStream(), [Reports]);
    const all = await application.app.get(Schedules).list();
    expect(all.map(({ name }) => name)).toEqual(['Reports.on']);
  });

  const overlaps: [ScheduleOverlap, (due: number[], atOnce: number) => void][] = [
    [
      'skip',
      (due, atOnce) =>
        expect({ steps: new Set(steps(due)), atOnce }).toEqual({ steps: new Set([2]), atOnce: 1 }),
    ],
    [
      'queue',
      (due, atOnce) =>
        expect({ steps: new Set(steps(due)), atOnce }).toEqual({ steps: new Set([1]), atOnce: 1 }),
    ],
    [
      'allow',
      (due, atOnce) =>
        expect({ steps: new Set(steps(due)), atOnce }).toEqual({ steps: new Set([1]), atOnce: 2 }),
    ],
  ];
  // The oldest server behaves like the second one.
  it.skipIf(version === '2.9').each(overlaps)(
    'that take longer than a period: %s',
    async (overlap, expectation) => {
      const due: ScheduledRun[] = [];
      let running = 0;
      let most = 0;
      @Injectable()
      class Reports {
        @JsSchedule('* * * * * *', { overlap })
        async slow(@Ctx() { run }: ScheduleContext): Promise<void> {
          most = Math.max(most, ++running);
          await sleep(1_400);
          running--;
          due.push(run);
        }
      }
      await using _ = await startScheduled(server, uniqueStream(), [Reports]);
      await eventually(
        () => due,
        ({ length }) => length >= 4,
        15_000,
      );
      expectation(seconds(due), most);
    },
  );
});
