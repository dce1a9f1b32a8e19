import { Injectable, type Type } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import {
  getNatsConnectionToken,
  Handlers,
  InvalidArgumentError,
  JetStreamService,
  JsConsumer,
  KeyValueService,
  KvWatch,
  NatsSubscribe,
  type JsConsumerOptions,
} from 'nestjs-nats-jetstream';
import type { HandlersReport } from 'nestjs-nats-jetstream/health';
import type { NatsConnection } from 'nestjs-nats-jetstream/nats';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { type HealthApplication, startHealthy } from './support.js';

let server: NatsTestServer;
let serial = 0;
let subject = '';
let stream = '';
beforeAll(async () => {
  server = await NatsTestServer.start();
});
afterAll(() => server.stop());
beforeEach(() => {
  stream = `S${++serial}`;
  subject = `s${serial}`;
});

/** Starts an application with a stream of its own, and a bucket of the same name. */
function start(...providers: Type[]): Promise<HealthApplication> {
  return startHealthy(server.url, {
    options: { shutdownTimeout: 200 },
    feature: {
      streams: [{ name: stream, subjects: [subject], storage: 'memory' }],
      keyValues: [{ bucket: stream, storage: 'memory' }],
    },
    providers,
  });
}

function consumerOf(handle: (data: unknown) => unknown, options: Partial<JsConsumerOptions> = {}): Type {
  @Injectable()
  class Work {
    @JsConsumer({ stream, durable: 'work', ...options } as JsConsumerOptions)
    handle(@Payload() data: unknown): unknown {
      return handle(data);
    }
  }
  return Work;
}

function watch(): Type {
  @Injectable()
  class Watch {
    @KvWatch(stream)
    handle(): Promise<void> {
      return never();
    }
  }
  return Watch;
}

function subscription(): Type {
  @Injectable()
  class Subscription {
    @NatsSubscribe(`core.${subject}`)
    handle(): Promise<void> {
      return never();
    }
  }
  return Subscription;
}

const never = (): Promise<void> => new Promise(() => {});
const publish = ({ app }: HealthApplication, data: unknown = 1): Promise<unknown> =>
  app.get(JetStreamService).publish(subject, data);
const isDown = ({ status }: { readonly status: string }): boolean => status === 'down';

describe('a handler that hangs', () => {
  const forms: [string, () => Type, (application: HealthApplication) => Promise<unknown>][] = [
    ['one by one', () => consumerOf(never), publish],
    ['several at once', () => consumerOf(never, { concurrency: 4 }), publish],
    ['a batch', () => consumerOf(never, { batch: { size: 2, maxWait: 10 } }), publish],
    ['push', () => consumerOf(never, { push: {} }), publish],
    ['ordered', () => consumerOf(never, { durable: undefined, ordered: true }), publish],
    ['without acknowledgements', () => consumerOf(never, { ackMode: 'none' }), publish],
    ['a watch', watch, async ({ app }) => (await app.get(KeyValueService).open(stream)).put('k', 1)],
    [
      'a subscription',
      subscription,
      ({ app }) => {
        app.get<NatsConnection>(getNatsConnectionToken()).publish(`core.${subject}`, '1');
        return Promise.resolve();
      },
    ],
  ];

  it.each(forms)('is down, ready and live: %s', async (_, provider, send) => {
    const application = await start(provider());
    const { health, app } = application;
    expect((await health.handlers()).status).toBe('up');
    expect(health.liveness({ stalledAfter: 100 })).toEqual({ status: 'up', stalled: [], closed: [] });
    await send(application);
    const report = await eventually(() => health.handlers({ stalledAfter: 100 }), isDown);
    expect(report.message).toMatch(
      /^\S+: It has been running for one message for \d+ ms, more than 100 ms \(stalledAfter\)\.$/,
    );
    expect(report.handlers[0]).toMatchObject({
      status: 'down',
      state: 'running',
      running: 1,
      connected: true,
    });
    const live = health.liveness({ stalledAfter: 100 });
    expect(live).toMatchObject({ status: 'down', stalled: [report.handlers[0]?.handler] });
    // Thresholds of its own, and none at all.
    const handler = report.handlers[0]?.handler ?? '';
    const own = { stalledAfter: 100, handlers: { [handler]: { stalledAfter: 60_000 } } };
    expect((await health.handlers(own)).status).toBe('up');
    expect(health.liveness(own).status).toBe('up');
    const ignored = { stalledAfter: 100, handlers: { [handler]: { ignore: true } } };
    expect(await health.handlers(ignored)).toEqual({ status: 'up', handlers: [] });
    expect(health.liveness(ignored).status).toBe('up');
    await app.get(Handlers).pause(handler);
    expect((await health.handlers({ stalledAfter: 100 })).status).toBe('up');
    await app.close();
  });

  it('counts only the handler, not a settlement that waits for the server', async () => {
    await using own = await NatsTestServer.start();
    const application = await startHealthy(own.url, {
      options: { shutdownTimeout: 200, jetstream: { timeout: 20_000 } },
      feature: { streams: [{ name: stream, subjects: [subject], storage: 'memory' }] },
      providers: [consumerOf(() => own.pause(), { ackMode: 'confirmed' })],
    });
    void publish(application).catch(() => undefined);
    await eventually(
      () => application.app.get(Handlers).get('Work.handle').running,
      (running) => running === 1,
    );
    // Longer than the interval at which messages in flight are looked at.
    const until = Date.now() + 1_500;
    await eventually(
      () => application.health.liveness({ stalledAfter: 100 }).status,
      (status) => status === 'down' || Date.now() > until,
    );
    expect(application.app.get(Handlers).get('Work.handle')).toMatchObject({ running: 1, oldest: 0 });
    own.resume();
    await application.app.close();
  });
});

describe('a handler that does not hang', () => {
  /** The message is pending or buffered, and the handler must not count as stalled. */
  async function expectToStayUp(
    application: HealthApplication,
    holds: (report: HandlersReport) => boolean,
  ): Promise<void> {
    const { health, app } = application;
    // Each check remembers what it saw, so a position that is wrongly remembered shows in a later one.
    const seen: HandlersReport[] = [];
    const until = Date.now() + 2_500;
    await eventually(
      async () => {
        const report = await health.handlers({ stalledAfter: 200 });
        seen.push(report);
        return report;
      },
      () => Date.now() > until,
    );
    expect(seen.filter(({ status }) => status === 'down').map(({ message }) => message)).toEqual([]);
    expect(seen.filter(holds).length).toBeGreaterThan(5);
    await app.close();
  }

  it('is up while it is paused', async () => {
    const application = await start(consumerOf(() => undefined));
    await application.app.get(Handlers).pause('Work.handle');
    await publish(application);
    await expectToStayUp(application, ({ handlers }) => handlers[0]?.state === 'paused');
  });

  it('is up while its consumer is paused on the server', async () => {
    const application = await start(consumerOf(() => undefined));
    await application.app.get(JetStreamService).pauseConsumer(stream, 'work', new Date(Date.now() + 60_000));
    await publish(application);
    await expectToStayUp(application, ({ handlers }) => handlers[0]?.pending === 1);
  });

  it('is up while its circuit is open', async () => {
    const fails = (): never => {
      throw new Error('not now');
    };
    const application = await start(
      consumerOf(fails, { circuitBreaker: { failureRatio: 1, window: 1, pause: 60_000 } }),
    );
    for (let i = 0; i < 5; i++) await publish(application);
    await expectToStayUp(application, ({ handlers }) => (handlers[0]?.pending ?? 0) > 0);
  });

  it.each(['acked', 'none'] as const)('is up while its rate is limited, %s', async (mode) => {
    const application = await start(
      consumerOf(() => undefined, {
        rateLimit: { messages: 1, per: 60_000 },
        ...(mode === 'none' && { ackMode: mode }),
      }),
    );
    for (let i = 0; i < 5; i++) await publish(application);
    await expectToStayUp(application, ({ handlers }) => (handlers[0]?.waiting ?? 0) > 0);
  });

  it('is up while another instance is pinned', async () => {
    const pinned = { priorityPolicy: 'pinned_client', priorityGroups: ['g'], priorityGroup: 'g' } as const;
    const first = await start(consumerOf(never, pinned));
    await publish(first);
    const second = await start(consumerOf(() => undefined, pinned));
    await publish(second);
    await expectToStayUp(second, ({ handlers }) => handlers[0]?.running === 0);
    await first.app.close();
  });

  it('is up while too few messages wait for an overflow', async () => {
    const application = await start(
      consumerOf(() => undefined, {
        priorityPolicy: 'overflow',
        priorityGroups: ['g'],
        priorityGroup: 'g',
        minPending: 5,
      }),
    );
    await publish(application);
    await expectToStayUp(application, ({ handlers }) => handlers[0]?.pending === 1);
  });

  it('is up after it was stopped by a command', async () => {
    const application = await start(consumerOf(() => undefined));
    await application.app.get(Handlers).stop('Work.handle');
    const report = await application.health.handlers({ stalledAfter: 1, grace: 0 });
    expect(report).toMatchObject({ status: 'up', handlers: [{ state: 'stopped' }] });
    await application.app.close();
  });
});

it('is down when its lag is above maxPending', async () => {
  const application = await start(consumerOf(never, { maxMessages: 1 }));
  for (let i = 0; i < 5; i++) await publish(application);
  const { health } = application;
  const report = await eventually(() => health.handlers({ maxPending: 2 }), isDown);
  expect(report.message).toMatch(/^Work\.handle: \d messages are pending, more than 2 \(maxPending\)\.$/);
  expect((await health.handlers({ maxPending: 5 })).status).toBe('up');
  expect(
    (await health.handlers({ maxPending: 2, handlers: { 'Work.handle': { maxPending: 9 } } })).status,
  ).toBe('up');
  await application.app.close();
});

it('shares the requests of concurrent checks', async () => {
  const application = await start(consumerOf(() => undefined));
  const { health, app } = application;
  const total = async (): Promise<number> => (await app.get(JetStreamService).accountInfo()).api.total;
  const before = await total();
  await Promise.all(Array.from({ length: 50 }, () => health.handlers()));
  // One question about the consumer, and the two about the account.
  expect((await total()) - before).toBeLessThanOrEqual(3);
  await app.close();
});

it('refuses wrong options', async () => {
  const { health, app } = await start(consumerOf(() => undefined));
  const refused = async (check: () => unknown): Promise<string> => {
    const error: unknown = await Promise.resolve()
      .then(check)
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InvalidArgumentError);
    return String(error);
  };
  expect(await refused(() => health.handlers({ stalledAfter: -1 }))).toContain('stalledAfter');
  expect(await refused(() => health.handlers({ stalled: 1 } as never))).toContain('stalledAfter');
  expect(
    await refused(() => health.handlers({ handlers: { 'Work.handle': { grace: 1 } as never } })),
  ).toContain('grace');
  expect(await refused(() => health.connection({ timeout: Infinity }))).toContain('timeout');
  expect(await refused(() => health.connection({ connection: 'other' }))).toContain('there are "default"');
  expect(await refused(() => health.resources({ usedStorage: 2 }))).toContain('usedStorage');
  expect(await refused(() => health.liveness({ connection: 'other' }))).toContain('there are "default"');
  await expect(health.handlers({ handlers: { 'Work.other': {} } })).rejects.toThrow('Work.handle');
  await app.close();
});
