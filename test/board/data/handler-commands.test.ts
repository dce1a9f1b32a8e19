import { Injectable } from '@nestjs/common';
import {
  ControlNotAllowedError,
  HandlerNotFoundError,
  InstanceHandlerNotFoundError,
  InstanceNotFoundError,
  InvalidArgumentError,
  type JetStreamEvent,
  JetStreamEvents,
  JetStreamModule,
  JsConsumer,
  NatsSubscribe,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { BoardActionName } from '../../../lib/board/model/index.js';
import { eventually } from '../../support/eventually.js';
import type { DataApplication } from './start-data.js';
import { clear, idOf, ON_ORDER, rowOf, shop, startShop, statusOf } from './start-shop.js';

let server: NatsTestServer;
let other: NatsTestServer;
const started: DataApplication[] = [];

beforeAll(async () => {
  server = await NatsTestServer.start();
  other = await NatsTestServer.start();
});
afterAll(() => Promise.all([server.stop(), other.stop()]));
afterEach(async () => {
  const applications = started.splice(0);
  for (const each of applications) await clear(each);
  await Promise.all(applications.map((each) => each[Symbol.asyncDispose]()));
});

type Settings = Parameters<typeof startShop>;
async function start(options?: Settings[1], more?: Settings[2], url = server.url): Promise<DataApplication> {
  const application = await startShop(url, options, more);
  started.push(application);
  return application;
}

const INPUT = { service: 'shop', handler: ON_ORDER };

@Injectable()
class Prices {
  @NatsSubscribe('prices', { connection: 'second' })
  onPrice(): void {
    // It is paused and resumed.
  }
}

describe('the commands for handlers', () => {
  it.each([
    ['pause-handler', 'paused', 'resume-handler'],
    ['stop-handler', 'stopped', 'start-handler'],
  ] as const)('reach all instances: %s', async (off, status, on) => {
    const first = await start(shop());
    const second = await start(shop());
    const ids = [idOf(first), idOf(second)].toSorted();
    expect((await first.act(off, INPUT)).results).toEqual(ids.map((id) => ({ id })));
    expect([statusOf(first), statusOf(second)]).toEqual([status, status]);
    await eventually(
      () => second.view('handlers'),
      (view) => rowOf(view, ON_ORDER).instances.every((each) => each.status === status),
    );
    expect((await second.act(on, INPUT)).results).toEqual(ids.map((id) => ({ id })));
    expect([statusOf(first), statusOf(second)]).toEqual(['running', 'running']);
  });

  it('reach one instance', async () => {
    const first = await start(shop());
    const second = await start(shop());
    const id = idOf(second);
    expect(await first.act('pause-handler', { ...INPUT, id })).toEqual({ results: [{ id }] });
    expect([statusOf(first), statusOf(second)]).toEqual(['running', 'paused']);
  });

  it('reach this instance, also if other clients may not control it', async () => {
    const application = await start(shop(false));
    const id = idOf(application);
    expect(await application.act('pause-handler', { ...INPUT, id })).toEqual({ results: [{ id }] });
    expect(statusOf(application)).toBe('paused');
    expect(await application.act('resume-handler', INPUT)).toEqual({ results: [{ id }] });
    expect(statusOf(application)).toBe('running');
  });

  it('say which instances do not allow them', async () => {
    const first = await start(shop());
    const second = await start(shop(false));
    const { results } = await first.act('pause-handler', INPUT);
    expect(results.find(({ id }) => id === idOf(first))).toEqual({ id: idOf(first) });
    expect(results.find(({ id }) => id === idOf(second))?.error).toContain('control: true');
    expect([statusOf(first), statusOf(second)]).toEqual(['paused', 'running']);
    const alone = first.act('pause-handler', { ...INPUT, id: idOf(second) });
    await expect(alone).rejects.toThrow(ControlNotAllowedError);
  });

  it('reach an application without the option discovery', async () => {
    const application = await start();
    expect(await application.act('pause-handler', { handler: ON_ORDER })).toEqual({
      results: [{ id: 'this process' }],
    });
    expect(statusOf(application)).toBe('paused');
    const [here] = rowOf(await application.view('handlers'), ON_ORDER).instances;
    await application.act('resume-handler', { handler: ON_ORDER, id: here?.id });
    expect(statusOf(application)).toBe('running');
  });

  it('reach handlers on a connection without the option discovery', async () => {
    const second = JetStreamModule.forRoot({ name: 'second', connection: { servers: other.url } });
    const application = await start(shop(), { imports: [second], providers: [Prices] });
    const { controlName = '', instances } = rowOf(
      await application.view('handlers', { connection: 'second' }),
      'Prices.onPrice',
    );
    await application.act('pause-handler', { handler: controlName });
    expect(statusOf(application, 'Prices.onPrice')).toBe('paused');
    const [here] = instances;
    expect(here?.id).toBe(idOf(application));
    await application.act('resume-handler', { handler: controlName, id: here?.id });
    expect(statusOf(application, 'Prices.onPrice')).toBe('running');
  });

  it('reach a service that answers on another connection', async () => {
    const far = await start({ discovery: { name: 'far', version: '1.0.0', control: true } }, {}, other.url);
    const second = JetStreamModule.forRoot({ name: 'second', connection: { servers: other.url } });
    const application = await start(shop(), { imports: [second] });
    const input = { service: 'far', handler: ON_ORDER };
    expect(await application.act('pause-handler', input)).toEqual({ results: [{ id: idOf(far) }] });
    expect(statusOf(far)).toBe('paused');
    await application.act('resume-handler', { ...input, id: idOf(far) });
    expect(statusOf(far)).toBe('running');
    expect(statusOf(application)).toBe('running');
  });

  it('name the person, up to the length that instances accept', async () => {
    const first = await start(shop());
    const second = await start(shop());
    const events: JetStreamEvent[] = [];
    second.app.get(JetStreamEvents).all.subscribe((event) => events.push(event));
    const { signal } = new AbortController();
    await first.data.act('pause-handler', INPUT, { by: 'x'.repeat(300), signal });
    await first.data.act('resume-handler', INPUT, { signal });
    const controlled = events.filter(({ type }) => type === 'handler-controlled');
    expect(controlled).toMatchObject([
      { action: 'pause', by: 'x'.repeat(200) },
      { action: 'resume', by: undefined },
    ]);
  });

  it('wait for messages in flight, longer than other calls', async () => {
    let release = (): void => undefined;
    let isCalled = false;
    @Injectable()
    class Slow {
      @JsConsumer({ stream: 'PARCELS', durable: 'slow' })
      async onParcel(): Promise<void> {
        isCalled = true;
        await new Promise<void>((resolve) => (release = resolve));
      }
    }
    const slow = await start(shop(), { providers: [Slow] });
    const first = await start({ ...shop(), jetstream: { timeout: 300 } });
    await first.jetstream.publish('parcels.slow', 1);
    await eventually(
      () => isCalled,
      (called) => called,
    );
    const stopping = first.act('stop-handler', { service: 'shop', handler: 'Slow.onParcel', id: idOf(slow) });
    setTimeout(() => release(), 1_000);
    expect(await stopping).toEqual({ results: [{ id: idOf(slow) }] });
    expect(statusOf(slow, 'Slow.onParcel')).toBe('stopped');
  });

  it('end when the person leaves', async () => {
    const first = await start(shop());
    const signal = AbortSignal.abort(new Error('the person has left'));
    await expect(first.data.act('pause-handler', INPUT, { signal })).rejects.toThrow('the person has left');
    expect(statusOf(first)).toBe('running');
  });

  it('refuse what does not exist', async () => {
    const first = await start(shop());
    const second = await start(shop());
    const unknown = { service: 'shop', handler: 'None.none' };
    await expect(first.act('pause-handler', unknown)).rejects.toThrow(InstanceHandlerNotFoundError);
    await expect(first.act('pause-handler', { ...unknown, id: idOf(second) })).rejects.toThrow(
      InstanceHandlerNotFoundError,
    );
    await expect(first.act('pause-handler', { ...unknown, id: idOf(first) })).rejects.toThrow(
      HandlerNotFoundError,
    );
    await expect(first.act('pause-handler', { handler: 'None.none' })).rejects.toThrow(HandlerNotFoundError);
    await expect(first.act('pause-handler', { ...INPUT, id: 'none' })).rejects.toThrow(InstanceNotFoundError);
    await expect(first.act('pause-handler', { ...INPUT, service: 'none' })).rejects.toThrow(
      InstanceNotFoundError,
    );
  });

  it.each<[string, unknown]>([
    ['nothing', {}],
    ['a list', []],
    ['a handler that is a number', { handler: 7 }],
    ['a handler that is a list', { service: 'shop', handler: [ON_ORDER] }],
    ['an empty handler', { handler: ' ' }],
    ['a service with a wildcard', { ...INPUT, service: '*' }],
    ['a service with several tokens', { ...INPUT, service: 'a.b' }],
    ['an id with a wildcard', { ...INPUT, id: '>' }],
    ['an id with several tokens', { ...INPUT, id: 'a.b' }],
    ['an id of another instance without a service', { handler: ON_ORDER, id: 'other' }],
    ['a handler of 1 MB', { ...INPUT, handler: 'x'.repeat(1_048_576) }],
    ['a handler of 1 MB here', { handler: 'x'.repeat(1_048_576) }],
    ['an id of 1 MB', { ...INPUT, id: 'x'.repeat(1_048_576) }],
    ['an unknown member', { ...INPUT, force: true }],
    ['the name of a property', JSON.parse('{"handler":"Billing.onOrder","__proto__":{}}')],
  ])('refuse %s', async (_, input) => {
    const application = await start(shop());
    for (const name of ['pause-handler', 'resume-handler', 'stop-handler', 'start-handler'] as const)
      await expect(application.act(name satisfies BoardActionName, input)).rejects.toThrow(
        InvalidArgumentError,
      );
    expect(statusOf(application)).toBe('running');
  });
});
