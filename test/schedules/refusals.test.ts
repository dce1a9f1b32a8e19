import { Injectable, type Type } from '@nestjs/common';
import { Ctx } from '@nestjs/microservices';
import {
  HandlerConfigurationError,
  InvalidArgumentError,
  JetStreamContext,
  JetStreamService,
  type JetStreamModuleOptions,
  JsConsumer,
  JsSchedule,
  KvWatch,
  ScheduleContext,
  type ScheduleOptions,
  type ScheduleTime,
  StreamNotFoundError,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startScheduled, uniqueStream } from './support.js';

/** A value that only callers without types can pass. */
const wrong = (value: unknown): never => value as never;

const ARGUMENTS: [what: string, time: ScheduleTime, options: ScheduleOptions | undefined, problem: RegExp][] =
  [
    ['no time', wrong(undefined), undefined, /first argument of @JsSchedule must be .*; it is undefined/],
    ['a number', wrong(5), undefined, /first argument of @JsSchedule must be/],
    ['null', wrong(null), undefined, /first argument of @JsSchedule must be/],
    ['a Date', wrong(new Date()), undefined, /first argument of @JsSchedule must be/],
    ['five fields', '0 6 * * *', undefined, /"0 6 \* \* \*" cannot be used: it has 5 fields/],
    ['a weekday of 7', '0 0 6 * * 7', undefined, /Sunday is 0/],
    ['a day that does not exist', '0 0 0 31 2 *', undefined, /does not match any time within five years/],
    ['an interval of 0', { every: 0 }, undefined, /every must be a whole number from 1000/],
    ['an interval of NaN', { every: NaN }, undefined, /every must be/],
    ['an interval of Infinity', { every: Infinity }, undefined, /every must be/],
    ['an interval in nanoseconds', { every: 30_000_000_000_000 }, undefined, /use a smaller number/],
    ['an interval with a fraction', { every: 1_500 }, undefined, /whole seconds/],
    ['an interval as text', { every: wrong('30s') }, undefined, /every must be/],
    ['an empty object', wrong({}), undefined, /at.*required|at must/],
    ['an invalid Date', { at: new Date(NaN) }, undefined, /at must be a valid Date/],
    ['a time as text', { at: wrong('2030-01-01') }, undefined, /at must be a valid Date/],
    ['two kinds of time', wrong({ every: 1_000, at: new Date() }), undefined, /unknown option at|"at"/],
    ['options that are not an object', '@daily', wrong(5), /the options must be an object/],
    ['an unknown option', '@daily', wrong({ timezone: 'UTC' }), /timezone.*timeZone/],
    ['an unknown time zone', '@daily', { timeZone: 'Europe/Atlantis' }, /timeZone must be an IANA time zone/],
    ['an offset as the time zone', '@daily', { timeZone: '+01:00' }, /timeZone must be an IANA time zone/],
    [
      'the time zone of an interval',
      { every: 1_000 },
      { timeZone: 'UTC' },
      /timeZone applies to cron expressions only/,
    ],
    ['an unknown catchUp', '@daily', { catchUp: wrong('all') }, /catchUp must be one of "one", "none"/],
    ['an unknown overlap', '@daily', { overlap: wrong('forbid') }, /overlap must be one of/],
    ['concurrency without overlap', '@daily', { concurrency: 2 }, /concurrency needs overlap: 'allow'/],
    ['a name with a space', '@daily', { name: 'a b' }, /name must be a name/],
    ['a name with a wildcard', '@daily', { name: 'a.*' }, /name must be a name/],
    ['an empty name', '@daily', { name: '' }, /name must be a name/],
    ['a name that is too long', '@daily', { name: 'x'.repeat(200) }, /name must be a name/],
    ['a stream with a dot', '@daily', { stream: { name: 'A.B' } }, /stream.name must be/],
    ['replicas of 9', '@daily', { stream: { replicas: 9 } }, /stream.replicas must be/],
    ['a storage', '@daily', { stream: { storage: wrong('disk') } }, /stream.storage must be/],
    ['an idempotence key', '@daily', { idempotent: wrong({ bucket: 'b', key: 'X' }) }, /key/],
    ['no idempotence bucket', '@daily', { idempotent: wrong({}) }, /idempotent.bucket/],
    ['deliveries of 0', '@daily', { retry: { maxDeliver: 0 } }, /retry.maxDeliver must be/],
    ['an ackWait of 1', '@daily', { ackWait: 1 }, /ackWait must be/],
    ['an unknown connection', '@daily', { connection: 'other' }, /there is no connection "other"/],
    [
      'enabled as text',
      '@daily',
      { enabled: wrong('yes') },
      /enabled must be true, false, or an object with a useFactory/,
    ],
    [
      'a factory of enabled without useFactory',
      '@daily',
      { enabled: wrong({ inject: [] }) },
      /enabled must be/,
    ],
  ];

describe('@JsSchedule', () => {
  let server: NatsTestServer;
  beforeAll(async () => {
    server = await NatsTestServer.start();
  });
  afterAll(() => server.stop());

  async function failure(
    providers: Type[],
    options: Omit<JetStreamModuleOptions, 'connection'> = {},
  ): Promise<Error> {
    const stream = uniqueStream();
    try {
      await using application = await startScheduled(server, stream, providers, { options });
      void application;
    } catch (error) {
      return error as Error;
    }
    throw new Error('the application has started');
  }

  it.each(ARGUMENTS)('refuses %s', async (_, time, options, problem) => {
    @Injectable()
    class Reports {
      @JsSchedule(time, options)
      daily(): void {}
    }
    const error = await failure([Reports]);
    expect(error).toBeInstanceOf(HandlerConfigurationError);
    expect(error.message).toMatch(problem);
    expect(error.message).toContain('Reports.daily');
  });

  it('reports all mistakes at once, and creates nothing', async () => {
    @Injectable()
    class Reports {
      @JsSchedule('0 0 6 * *', { timeZone: 'Nowhere', overlap: wrong('x') })
      daily(): void {}

      @JsSchedule('@daily')
      right(): void {}
    }
    const options = { schedules: { stream: { name: 'NOTHING' } } };
    const error = await failure([Reports], options);
    expect((error as HandlerConfigurationError).problems).toHaveLength(3);
    @Injectable()
    class Empty {}
    await using application = await startScheduled(server, 'NOTHING', [Empty]);
    await expect(application.app.get(JetStreamService).stream('NOTHING')).rejects.toThrow(
      StreamNotFoundError,
    );
  });

  it('refuses two methods with the same name or consumer', async () => {
    @Injectable()
    class Reports {
      @JsSchedule('@daily', { name: 'a.b' })
      one(): void {}

      @JsSchedule('@hourly', { name: 'a.b' })
      two(): void {}

      @JsSchedule('@hourly', { name: 'a-b' })
      three(): void {}
    }
    const error = await failure([Reports]);
    expect((error as HandlerConfigurationError).problems.map(({ handler }) => handler)).toEqual([
      'Reports.two',
      'Reports.three',
    ]);
    expect(error.message).toContain('"a.b" and "a.b" of Reports.one have the same name or consumer');
  });

  it('refuses the name of a schedule of another application', async () => {
    const stream = uniqueStream();
    @Injectable()
    class Reports {
      @JsSchedule('@daily')
      daily(): void {}
    }
    await using _ = await startScheduled(server, stream, [Reports]);
    const schedules = { application: 'billing', stream: { name: stream } };
    const error = await failure([Reports], { schedules });
    expect(error.message).toContain(
      `the schedule "Reports.daily" in stream "${stream}" belongs to the application "default", and this one is "billing"`,
    );
  });

  it('refuses different options for one stream', async () => {
    @Injectable()
    class Reports {
      @JsSchedule('@daily', { stream: { storage: 'memory' } })
      daily(): void {}

      @JsSchedule('@hourly', { stream: { storage: 'file' } })
      hourly(): void {}
    }
    expect((await failure([Reports])).message).toMatch(
      /Reports.hourly: wants stream .* with other replicas or another storage than Reports.daily/,
    );
  });

  it('refuses contexts that do not match', async () => {
    @Injectable()
    class Reports {
      @KvWatch('config')
      watch(@Ctx() _: ScheduleContext): void {}

      @JsConsumer({ stream: 'S', durable: 'd' })
      consume(@Ctx() _: ScheduleContext): void {}
    }
    const { message } = await failure([Reports]);
    expect(message).toContain(
      '`@Ctx()` is declared as ScheduleContext, and a handler of key-value entries receives',
    );
    expect(message).toContain('`@Ctx()` is declared as ScheduleContext, and a handler of messages receives');
    @Injectable()
    class Right {
      @JsSchedule('@daily')
      daily(@Ctx() _: JetStreamContext): void {}
    }
    await using __ = await startScheduled(server, uniqueStream(), [Right]);
  });

  it('needs its stream with provisioning assert', async () => {
    @Injectable()
    class Reports {
      @JsSchedule('@daily')
      daily(): void {}
    }
    const error = await failure([Reports], { provisioning: 'assert' });
    expect(String(error)).toMatch(/SCHEDULES/);
  });

  const MODULE: [what: string, schedules: unknown, problem: RegExp][] = [
    ['an application with a dot', { application: 'a.b' }, /schedules.application/],
    ['an unknown option', { aplication: 'a' }, /schedules.aplication|application/],
    ['a text', 'SCHEDULES', /schedules/],
  ];
  it.each(MODULE)('refuses module options: %s', async (_, schedules, problem) => {
    const error = await failure([], { schedules: schedules as object });
    expect(error).toBeInstanceOf(InvalidArgumentError);
    expect(error.message).toMatch(problem);
  });
});
