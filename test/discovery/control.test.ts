import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import {
  ControlFailedError,
  ControlNotAllowedError,
  Handlers,
  InstanceHandlerNotFoundError,
  InstanceNotFoundError,
  InvalidArgumentError,
  type JetStreamEvent,
  JetStreamInstances,
  JetStreamModule,
  JetStreamService,
  JsConsumer,
  JsHandler,
  NatsSubscribe,
  OnJetStreamEvent,
  PermissionDeniedError,
  RequestTimeoutError,
} from 'nestjs-nats-jetstream';
import { connect, type NatsConnection } from 'nestjs-nats-jetstream/nats';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

const feature = { streams: [{ name: 'S', subjects: ['s.>'], storage: 'memory' }] } as const;
const events: JetStreamEvent[] = [];
const handled: unknown[] = [];

/** The beginning of an answer of a peer. */
const identity = {
  type: 'nestjs-nats-jetstream.control.v1.response',
  name: 'hostile',
  id: 'PEER',
  version: '1.0.0',
  metadata: {},
};

@Injectable()
class Billing {
  @JsConsumer({ stream: 'S', durable: 'billing', filterSubjects: 's.placed' })
  onPlaced(@Payload() order: unknown): void {
    handled.push(order);
  }

  @OnJetStreamEvent('handler-controlled')
  onControl(event: JetStreamEvent): void {
    events.push(event);
  }
}

@JsConsumer({ stream: 'S', durable: 'routed', filterSubjects: 's.routed.*' })
@Injectable()
class Routed {
  @JsHandler('s.routed.a')
  a(): void {}

  @JsHandler('s.routed.b')
  b(): void {}
}

describe('control of other instances', () => {
  let server: NatsTestServer;
  let nc: NatsConnection;

  beforeAll(async () => {
    server = await NatsTestServer.start({
      users: [
        { user: 'all' },
        { user: 'reader', permissions: { publish: { allow: '>', deny: 'jetstream-control.>' } } },
        { user: 'pauser', permissions: { publish: { allow: '>', deny: 'jetstream-control.stop.>' } } },
      ],
      noAuthUser: 'all',
    });
    nc = await connect({ servers: server.url });
  });
  afterAll(async () => {
    await nc.close();
    await server.stop();
  });
  beforeEach(() => {
    events.length = 0;
    handled.length = 0;
  });

  const start = (control?: boolean): Promise<TestApplication> =>
    startApplication(server.url, {
      feature,
      providers: [Billing, Routed],
      options: { discovery: { name: 'shop', version: '1.0.0', control } },
    });
  const idOf = ({ app }: TestApplication): string => app.get(JetStreamInstances).id ?? '';
  const statusOf = ({ app }: TestApplication, handler: string): string =>
    app.get(Handlers).get(handler).status;

  it.each(['2.15', '2.10', '2.9'])(
    'pauses, resumes, stops and starts a handler on nats-server %s',
    async (version) => {
      await using own = await NatsTestServer.start({ version });
      const on = (options: object, providers: (typeof Billing)[]): Promise<TestApplication> =>
        startApplication(own.url, { feature, providers, options });
      await using target = await on({ discovery: { name: 'shop', version: '1.0.0', control: true } }, [
        Billing,
      ]);
      await using asking = await on({}, []);
      const instances = asking.app.get(JetStreamInstances);
      const to = { name: 'shop', id: idOf(target), by: 'alice' };
      const [paused, ...others] = await instances.pause('Billing.onPlaced', to);
      expect(others).toEqual([]);
      expect(paused).toMatchObject({
        id: to.id,
        handlers: [{ handler: 'Billing.onPlaced', controlName: 'Billing.onPlaced', status: 'paused' }],
        error: undefined,
      });
      expect(statusOf(target, 'Billing.onPlaced')).toBe('paused');
      const jetstream = asking.app.get(JetStreamService);
      await jetstream.publish('s.placed', 1);
      const statuses: (string | undefined)[] = [];
      for (const action of ['resume', 'stop', 'start'] as const) {
        const [result] = await instances[action]('Billing.onPlaced', to);
        statuses.push(result?.handlers[0]?.status);
      }
      expect(statuses).toEqual(['running', 'stopped', 'running']);
      await eventually(
        () => handled,
        ({ length }) => length === 1,
      );
    },
  );

  it('is reported with the text about the sender, in the log and as an event', async () => {
    await using target = await start(true);
    const instances = target.app.get(JetStreamInstances);
    await instances.pause('Billing.onPlaced', { id: idOf(target), by: 'alice\nroot' });
    await instances.resume('Billing.onPlaced', { id: idOf(target) });
    expect(events).toMatchObject([
      {
        type: 'handler-controlled',
        connection: 'default',
        handler: 'Billing.onPlaced',
        source: 'S',
        action: 'pause',
        by: 'alice\\nroot',
      },
      { type: 'handler-controlled', action: 'resume', by: undefined },
    ]);
    expect(target.logs.of('log', 'JetStreamDiscovery')).toContain(
      'Billing.onPlaced: received the command to pause it from "alice\\nroot"',
    );
    expect(target.logs.of('log', 'JetStreamDiscovery')).toContain(
      'Billing.onPlaced: received the command to resume it from another client, which gave no name',
    );
  });

  it('names methods that share a consumer by their class', async () => {
    await using target = await start(true);
    const instances = target.app.get(JetStreamInstances);
    const { instances: found } = await instances.list();
    const shown = found[0]?.endpoints.find(({ handler }) => handler?.handler === 'Routed.a')?.handler;
    expect(shown?.controlName).toBe('Routed');
    const [paused] = await instances.pause('Routed', { id: idOf(target) });
    expect(paused?.handlers.map(({ handler, status }) => [handler, status])).toEqual([
      ['Routed.a', 'paused'],
      ['Routed.b', 'paused'],
    ]);
  });

  it('controls all instances, and names those that failed', async () => {
    await using first = await start(true);
    await using second = await start(true);
    await using third = await start(false);
    const results = await first.app.get(JetStreamInstances).stop('Billing.onPlaced', { by: 'bob' });
    const byId = new Map(results.map((result) => [result.id, result]));
    expect(results).toHaveLength(3);
    expect(byId.get(idOf(first))).toMatchObject({ handlers: [{ status: 'stopped' }], error: undefined });
    expect(byId.get(idOf(second))).toMatchObject({ handlers: [{ status: 'stopped' }], error: undefined });
    expect(byId.get(idOf(third))?.error).toBeInstanceOf(ControlNotAllowedError);
    expect([first, second, third].map((each) => statusOf(each, 'Billing.onPlaced'))).toEqual([
      'stopped',
      'stopped',
      'running',
    ]);
  });

  it('is refused without the option, for unknown instances and handlers, and without permissions', async () => {
    await using closed = await start();
    await using open = await start(true);
    const instances = closed.app.get(JetStreamInstances);
    await expect(instances.pause('Billing.onPlaced', { id: idOf(closed) })).rejects.toThrow(
      ControlNotAllowedError,
    );
    await expect(instances.pause('Billing.onPlaced', { id: 'NONE' })).rejects.toThrow(InstanceNotFoundError);
    await expect(instances.pause('Billing.onPlaced', { name: 'none' })).rejects.toThrow(
      InstanceNotFoundError,
    );
    const unknown: unknown = await instances
      .pause('Billing.none', { id: idOf(open) })
      .catch((error: unknown) => error);
    expect(unknown).toBeInstanceOf(InstanceHandlerNotFoundError);
    expect(String(unknown)).toContain('its handlers are: Billing.onPlaced, Routed.');
    for (const user of ['reader', 'pauser']) {
      await using limited = await startApplication(server.url, { connection: server.connectionFor(user) });
      const asking = limited.app.get(JetStreamInstances);
      const to = { name: 'shop', id: idOf(open) };
      await expect(asking.stop('Billing.onPlaced', to)).rejects.toThrow(PermissionDeniedError);
      const pausing = asking.pause('Billing.onPlaced', to);
      const outcome = await pausing.then(
        ([result]) => result?.handlers[0]?.status,
        (error: unknown) => error instanceof PermissionDeniedError && error.name,
      );
      expect(outcome).toBe(user === 'reader' ? 'PermissionDeniedError' : 'paused');
    }
    expect(statusOf(closed, 'Billing.onPlaced')).toBe('running');
  });

  it('does not reach handlers of other connections', async () => {
    @Injectable()
    class Prices {
      @NatsSubscribe('b', { connection: 'second' })
      b(): void {}
    }
    await using target = await startApplication(server.url, {
      imports: [JetStreamModule.forRoot({ name: 'second', connection: { servers: server.url } })],
      providers: [Prices],
      options: { discovery: { name: 'shop', version: '1.0.0', control: true } },
    });
    const instances = target.app.get(JetStreamInstances);
    await expect(instances.pause('Prices.b', { id: idOf(target) })).rejects.toThrow(
      InstanceHandlerNotFoundError,
    );
    expect(statusOf(target, 'Prices.b')).toBe('running');
  });

  it.each<[string, string, unknown]>([
    ['no JSON', 'pause', '{"handler":'],
    ['nothing', 'pause', ''],
    ['no handler', 'pause', {}],
    ['a handler that is a number', 'pause', { handler: 5 }],
    ['an empty handler', 'pause', { handler: '' }],
    ['a long handler', 'pause', { handler: 'a'.repeat(501) }],
    ['a sender that is a number', 'pause', { handler: 'Billing.onPlaced', by: 5 }],
    ['a long text about the sender', 'pause', { handler: 'Billing.onPlaced', by: 'a'.repeat(201) }],
    ['a large payload', 'pause', { handler: 'Billing.onPlaced', rest: 'a'.repeat(9_000) }],
    ['an unknown action', 'delete', { handler: 'Billing.onPlaced' }],
    ['a method of objects', 'toString', { handler: 'Billing.onPlaced' }],
    ['another method of Handlers', 'stopAll', { handler: 'Billing.onPlaced' }],
  ])('refuses a command with %s', async (_, action, payload) => {
    await using target = await start(true);
    const data = typeof payload === 'string' ? payload : JSON.stringify(payload);
    const reply = await nc.request(`jetstream-control.${action}.shop.${idOf(target)}`, data, {
      timeout: 5_000,
    });
    expect(reply.json()).toMatchObject({ name: 'shop', error: { code: 'invalid-request' } });
    expect(statusOf(target, 'Billing.onPlaced')).toBe('running');
    expect(events).toEqual([]);
  });

  it('ignores a command without a reply subject, or with one of the server', async () => {
    await using target = await start(true);
    const subject = `jetstream-control.pause.shop.${idOf(target)}`;
    const data = JSON.stringify({ handler: 'Billing.onPlaced' });
    nc.publish(subject, data);
    nc.publish(subject, data, { reply: '$JS.API.STREAM.DELETE.S' });
    await nc.request(`$SRV.PING.shop.${idOf(target)}`, '', { timeout: 5_000 });
    expect(events).toEqual([]);
    expect(statusOf(target, 'Billing.onPlaced')).toBe('running');
  });

  it.each<[string, unknown, new (...args: never[]) => Error]>([
    ['nothing', '', ControlFailedError],
    ['no JSON', '{', ControlFailedError],
    ['an acknowledgement of a stream', { stream: 'ALL', seq: 1 }, ControlFailedError],
    ['another id', { ...identity, id: 'OTHER', handlers: [] }, ControlFailedError],
    ['another service', { ...identity, name: 'other', handlers: [] }, ControlFailedError],
    ['handlers that are wrong', { ...identity, handlers: [{ handler: 1 }] }, ControlFailedError],
    ['an error that is text', { ...identity, error: 'no' }, ControlFailedError],
    [
      'a reason that is huge',
      { ...identity, error: { code: 'failed', message: 'a'.repeat(9_000) } },
      ControlFailedError,
    ],
    ['an unknown reason', { ...identity, error: { code: 'toString', message: 'no' } }, ControlFailedError],
    [
      'no such handler',
      { ...identity, error: { code: 'handler-not-found', message: 'a\u001b[31mb' } },
      InstanceHandlerNotFoundError,
    ],
  ])('fails with a typed error if a peer answers with %s', async (_, answer, type) => {
    await using asking = await startApplication(server.url, {});
    const data = typeof answer === 'string' ? answer : JSON.stringify(answer);
    const peer = nc.subscribe('jetstream-control.*.hostile.PEER', {
      callback: (__, message) => void message.respond(data),
    });
    await nc.flush();
    const failure: unknown = await asking.app
      .get(JetStreamInstances)
      .pause('A.b', { name: 'hostile', id: 'PEER' })
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(type);
    expect(String(failure)).not.toContain('\u001b');
    expect(String(failure).length).toBeLessThan(3_000);
    peer.unsubscribe();
  });

  it('ends with its timeout or signal, and checks its arguments', async () => {
    await using asking = await startApplication(server.url, {});
    const instances = asking.app.get(JetStreamInstances);
    const silent = nc.subscribe('jetstream-control.*.silent.PEER', { callback: () => undefined });
    await nc.flush();
    const to = { name: 'silent', id: 'PEER' };
    await expect(instances.pause('A.b', { ...to, timeout: 50 })).rejects.toThrow(RequestTimeoutError);
    const controller = new AbortController();
    const waiting = instances.pause('A.b', { ...to, signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    for (const wrong of [
      () => instances.pause('', to),
      () => instances.pause(5 as never, to),
      () => instances.pause('A.b'),
      () => instances.pause('A.b', { ...to, id: 'a.>' }),
      () => instances.pause('A.b', { ...to, name: '*' }),
      () => instances.pause('A.b', { ...to, by: 'a'.repeat(201) }),
      () => instances.pause('A.b', { ...to, timeout: 0 }),
      () => instances.pause('A.b', { ...to, everywhere: true } as never),
    ])
      await expect(wrong()).rejects.toThrow(InvalidArgumentError);
    silent.unsubscribe();
  });
});
