import { Inject, Injectable, Module } from '@nestjs/common';
import { LazyModuleLoader } from '@nestjs/core';
import { Ctx } from '@nestjs/microservices';
import {
  HandlerConfigurationError,
  type HandlerEnabled,
  Handlers,
  JetStreamService,
  JsSchedule,
  KeyValueService,
  NotConnectedError,
  ScheduleContext,
  ScheduleNotFoundError,
  Schedules,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';
import { startScheduled, uniqueStream, VERSIONS } from './support.js';

const heldBack = { handlers: { autoStart: false } };

let runs: string[] = [];

function jobsOf(instance: string, enabled?: HandlerEnabled) {
  @Injectable()
  class Jobs {
    @JsSchedule('* * * * * *', { enabled })
    each(@Ctx() { run }: ScheduleContext): void {
      runs.push(`${instance} ${run.trigger}`);
    }
  }
  return Jobs;
}

describe.each(VERSIONS)('where schedules run, on nats-server %s', (version) => {
  let server: NatsTestServer;
  beforeAll(async () => {
    server = await NatsTestServer.start({ version });
  });
  afterAll(() => server.stop());
  beforeEach(() => (runs = []));

  const start = (
    stream: string,
    providers: Parameters<typeof startScheduled>[2],
    options: NonNullable<Parameters<typeof startScheduled>[3]>['options'] = {},
  ): Promise<TestApplication> =>
    startScheduled(server, stream, providers, {
      options: { schedules: { stream: { name: stream, storage: 'memory' } }, ...options },
    });
  const streamsOf = async ({ app }: TestApplication): Promise<string[]> => {
    const names: string[] = [];
    for await (const name of app.get(JetStreamService).streamNames()) names.push(name);
    return names;
  };
  const ran = (text: string): Promise<unknown> =>
    eventually(
      () => runs,
      (all) => all.includes(text),
      15_000,
    );
  const leadersOf = async ({ app }: TestApplication, stream: string): Promise<string[]> => {
    const bucket = await app.get(KeyValueService).open(stream);
    const keys: string[] = [];
    for await (const key of bucket.keys('leader.*')) keys.push(key);
    return keys;
  };

  it.each<[string, Parameters<typeof start>[2], boolean | undefined]>([
    ['autoStart', heldBack, undefined],
    ['enabled', {}, false],
  ])(
    'creates nothing for schedules that are held back by %s, until they are started',
    async (reason, options, enabled) => {
      const stream = uniqueStream();
      await using application = await start(stream, [jobsOf('one', enabled)], options);
      const { app, logs } = application;
      const handlers = app.get(Handlers);
      expect(handlers.list()).toMatchObject([
        { handler: 'Jobs.each', kind: 'consumer', source: stream, status: 'stopped', notStarted: reason },
      ]);
      expect(logs.of('log', 'JetStreamModule').join()).toContain(
        `Jobs.each: schedule * * * * * *, stream ${stream}, not started (${reason})`,
      );
      expect(await streamsOf(application)).not.toContain(stream);
      const schedules = app.get(Schedules);
      expect(await schedules.list()).toEqual([]);
      await expect(schedules.runNow('Jobs.each')).rejects.toThrow(ScheduleNotFoundError);
      await handlers.start('Jobs.each');
      expect(handlers.get('Jobs.each')).toMatchObject({ status: 'running', consumer: 'Jobs-each' });
      expect(handlers.get('Jobs.each').notStarted).toBeUndefined();
      await ran('one schedule');
      expect(await schedules.get('Jobs.each')).toMatchObject({ handler: 'Jobs.each', cron: '* * * * * *' });
      await handlers.pause('Jobs.each');
      await handlers.resume('Jobs.each');
      await handlers.stop('Jobs.each');
      await handlers.start('Jobs.each');
      await handlers.idle('Jobs.each');
      runs = [];
      await ran('one schedule');
      expect(logs.of('error')).toEqual([]);
    },
  );

  it('starts several held schedules of one stream at once', async () => {
    const stream = uniqueStream();
    @Injectable()
    class Others {
      @JsSchedule({ every: 1_000 })
      every(): void {
        runs.push('every');
      }
      @JsSchedule('@yearly', { enabled: false })
      yearly(): void {}
    }
    await using application = await start(stream, [jobsOf('one'), Others], heldBack);
    const { app } = application;
    await app.get(Handlers).start();
    expect(
      app
        .get(Handlers)
        .list()
        .map(({ handler, notStarted }) => [handler, notStarted]),
    ).toEqual([
      ['Jobs.each', undefined],
      ['Others.every', undefined],
      ['Others.yearly', 'enabled'],
    ]);
    expect((await app.get(Schedules).list()).map(({ name }) => name)).toEqual(['Jobs.each', 'Others.every']);
    await Promise.all([ran('one schedule'), ran('every')]);
    await expect(app.get(Schedules).get('Others.yearly')).rejects.toThrow(ScheduleNotFoundError);
    await app.get(Handlers).start('Others.yearly');
    expect(await app.get(Schedules).get('Others.yearly')).toMatchObject({ cron: '@yearly' });
  });

  it('controls from an instance that runs none, which takes no part in the election', async () => {
    const stream = uniqueStream();
    await using web = await start(stream, [jobsOf('web')], heldBack);
    {
      await using _ = await start(stream, [jobsOf('worker')]);
      await ran('worker schedule');
      const schedules = web.app.get(Schedules);
      expect(await schedules.pause('Jobs.each')).toBe(true);
      await schedules.runNow('Jobs.each');
      await ran('worker now');
      expect(await schedules.list()).toMatchObject([{ name: 'Jobs.each', paused: true }]);
      expect(await schedules.resume('Jobs.each')).toBe(true);
      expect(await leadersOf(web, stream)).toEqual(['leader.default']);
    }
    // The worker gave up the lead when it was closed.
    await eventually(
      () => leadersOf(web, stream),
      (leaders) => leaders.length === 0,
    );
    const bucket = await web.app.get(KeyValueService).open(stream);
    const before = (await bucket.get('owner.default'))?.revision;
    expect(before).toBeGreaterThan(0);
    // Longer than an instance that runs schedules waits before it takes the lead, and stores that it is connected.
    await expect(
      eventually(
        async () => [await leadersOf(web, stream), (await bucket.get('owner.default'))?.revision] as const,
        ([leaders, revision]) => leaders.length > 0 || revision !== before,
        5_000,
      ),
    ).rejects.toThrow();
    expect(runs.filter((run) => run.startsWith('web'))).toEqual([]);
  });

  it('decides with a factory', async () => {
    @Injectable()
    class Settings {
      readonly worker = false;
    }
    const enabled: HandlerEnabled = {
      inject: [Settings],
      useFactory: async ({ worker }: Settings) => Promise.resolve(worker),
    };
    await using application = await start(uniqueStream(), [Settings, jobsOf('one', enabled)]);
    expect(application.app.get(Handlers).get('Jobs.each').notStarted).toBe('enabled');
    await expect(
      start(uniqueStream(), [jobsOf('one', { useFactory: () => 'yes' as never })]),
    ).rejects.toThrow(
      /Jobs.each: its option enabled cannot be read: its useFactory must return true or false/,
    );
  });

  it('starts the schedules of a module that is loaded later', async () => {
    const stream = uniqueStream();
    @Module({ providers: [jobsOf('late')] })
    class LateModule {}
    @Injectable()
    class Early {
      @JsSchedule({ every: 1_000 })
      every(): void {
        runs.push('early');
      }
    }
    await using application = await start(stream, [Early]);
    const { app } = application;
    await ran('early');
    await app.get(LazyModuleLoader).load(() => LateModule);
    expect((await app.get(Schedules).list()).map(({ name }) => name)).toEqual(['Early.every', 'Jobs.each']);
    await ran('late schedule');
    runs = [];
    await ran('early');
  });

  it('starts the schedules of a module that is loaded later into an application without schedules', async () => {
    const stream = uniqueStream();
    @Module({ providers: [jobsOf('late')] })
    class LateModule {}
    await using application = await start(stream, []);
    await application.app.get(LazyModuleLoader).load(() => LateModule);
    await ran('late schedule');
    expect(await leadersOf(application, stream)).toEqual(['leader.default']);
  });

  it('refuses a late schedule with the name of another one', async () => {
    const stream = uniqueStream();
    @Injectable()
    class Same {
      @JsSchedule('@daily', { name: 'Jobs.each' })
      daily(): void {}
    }
    @Module({ providers: [Same] })
    class LateModule {}
    await using application = await start(stream, [jobsOf('one')], heldBack);
    const loading = application.app.get(LazyModuleLoader).load(() => LateModule);
    await expect(loading).rejects.toThrow(HandlerConfigurationError);
    await expect(loading).rejects.toThrow(/have the same name or consumer/);
  });

  it('takes no part in the election after the start of a schedule of another application was refused', async () => {
    const stream = uniqueStream();
    await using _ = await start(stream, [jobsOf('one')]);
    await using other = await start(stream, [jobsOf('two')], {
      ...heldBack,
      schedules: { application: 'other', stream: { name: stream, storage: 'memory' } },
    });
    const handlers = other.app.get(Handlers);
    await expect(handlers.start('Jobs.each')).rejects.toThrow(
      /belongs to the application "default", and this one is "other"/,
    );
    expect(handlers.get('Jobs.each')).toMatchObject({ status: 'stopped', notStarted: 'autoStart' });
    await ran('one schedule');
    expect(await leadersOf(other, stream)).toEqual(['leader.default']);
    const bucket = await other.app.get(KeyValueService).open(stream);
    const before = (await bucket.get('owner.other'))?.revision;
    expect(before).toBeGreaterThan(0);
    await expect(
      eventually(
        async () => (await bucket.get('owner.other'))?.revision,
        (revision) => revision !== before,
        5_000,
      ),
    ).rejects.toThrow();
  });

  it('runs nothing without a server', async () => {
    @Injectable()
    class Control {
      constructor(@Inject(Schedules) readonly schedules: Schedules) {}
    }
    await using application = await start(uniqueStream(), [jobsOf('one'), Control], { connect: false });
    const { app } = application;
    expect(app.get(Handlers).get('Jobs.each').notStarted).toBe('connect');
    await expect(app.get(Control).schedules.list()).rejects.toThrow(NotConnectedError);
    await expect(app.get(Handlers).start('Jobs.each')).rejects.toThrow(NotConnectedError);
  });
});
