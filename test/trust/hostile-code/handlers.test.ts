import { Readable } from 'node:stream';
import { Injectable, type INestApplicationContext } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import {
  Handlers,
  JetStreamEvents,
  JetStreamService,
  JsConsumer,
  KeyValueService,
  ObjectStoreService,
  type JetStreamEvent,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../../support/application.js';
import { eventually } from '../../support/eventually.js';
import { BEHAVIORS, storage, WITH_CAUSE, type Behavior } from './behaviors.js';
import { hooks, type Hook, type Order } from './hooks.js';

/** Tests one misbehavior of one hook: two messages cause it, and a valid one follows. */
interface Case {
  readonly hook: Hook;
  readonly behavior: Behavior;
  readonly subject: string;
  readonly className: string;
  readonly cause: string;
  readonly good: number;
}

const isWatch = ({ source }: Hook): boolean => source === 'key-value' || source === 'object-store';
/** A watch retries a failed entry for seconds, so each behavior has its own watch, and all run at the same time. */
const cases: readonly Case[] = hooks.flatMap((hook, i) =>
  (hook.behaviors ?? BEHAVIORS).map((behavior) => {
    const b = BEHAVIORS.indexOf(behavior);
    const own = isWatch(hook) ? `${i}x${b}` : `${i}`;
    const good = 1_000 * i + 10 * b;
    return {
      hook,
      behavior,
      subject: `hostile.${own}`,
      className: `Hostile${own}`,
      cause: `cause <${good}>\nfaked line`,
      good,
    };
  }),
);
const seen = new Map<number, string | undefined>();
const neighbor = new Set<number>();
const events: JetStreamEvent[] = [];
let server: NatsTestServer;
let application: TestApplication;
let app: INestApplicationContext;

beforeAll(async () => {
  server = await NatsTestServer.start();
  @Injectable()
  class Neighbor {
    @JsConsumer({ stream: 'HOSTILE', durable: 'neighbor', filterSubjects: 'neighbor' })
    on(@Payload() id: number): void {
      neighbor.add(id);
    }
  }
  const note = ({ id }: Order): void => void seen.set(id, storage.getStore());
  const classes = new Map(cases.map((each) => [each.className, each]));
  const providers = [...classes.values()].map(({ hook, subject, className }) =>
    Object.defineProperty(hook.make(subject, className, note), 'name', { value: className }),
  );
  application = await startApplication(server.url, {
    providers: [...providers, Neighbor],
    feature: {
      streams: [
        { name: 'HOSTILE', subjects: ['hostile.*', 'neighbor'], storage: 'memory' },
        { name: 'RESULTS', subjects: ['results.*'], storage: 'memory' },
      ],
      keyValues: [{ bucket: 'hostile', storage: 'memory', history: 5 }],
      objectStores: [{ bucket: 'hostile', storage: 'memory' }],
    },
  });
  app = application.app;
  app.get(JetStreamEvents).all.subscribe((event) => events.push(event));
  for (const each of cases) if (isWatch(each.hook)) await sendAll(each);
}, 60_000);
afterAll(async () => {
  await application.app.close();
  await server.stop();
});

describe.each(hooks)('$name', (hook) => {
  it.each(cases.filter((each) => each.hook === hook))('$behavior', { timeout: 60_000 }, async (each) => {
    const { behavior, cause, className, good } = each;
    const handler = hook.handler === 'class' ? className : `${className}.on`;
    if (!isWatch(hook)) await sendAll(each);
    await app.get(JetStreamService).publish('neighbor', good);
    await eventually(() => neighbor.has(good), Boolean, 5_000);

    const held = hook.sequential === true && behavior === 'never settles';
    await eventually(() => held || seen.has(good), Boolean, 30_000);
    expect(seen.get(good)).toBeUndefined();
    const state = await eventually(
      () => app.get(Handlers).get(handler),
      ({ running }) => behavior === 'never settles' || running === 0,
    );
    expect(state.status).toBe('running');
    expect(events.filter(({ type }) => type === 'disconnected')).toEqual([]);
    const causeCounts = hook.synchronous !== true || behavior === 'throws';
    const named = WITH_CAUSE.includes(behavior) && causeCounts && hook.silent !== true;
    const lines = await eventually(
      () => linesOf(handler),
      (all) => !named || all.some((text) => text.includes(cause.replace('\n', '\\n'))),
    );
    expect(lines.filter((text) => text.includes('\nfaked line'))).toEqual([]);
  });
});

/** The warnings and errors that name a handler. */
function linesOf(handler: string): string[] {
  return application.logs.lines
    .filter(({ level, text }) => (level === 'warn' || level === 'error') && text.includes(handler))
    .map(({ text }) => text);
}

async function sendAll({ hook, behavior, cause, subject, good }: Case): Promise<void> {
  await send(hook, subject, { id: good + 1, behavior, cause });
  if (!isWatch(hook)) await send(hook, subject, { id: good + 2, behavior, cause });
  await send(hook, subject, { id: good });
}

async function send({ source }: Hook, subject: string, order: Order): Promise<void> {
  const jetstream = app.get(JetStreamService);
  switch (source) {
    case 'stream':
      await jetstream.publish(subject, order);
      return;
    case 'key-value':
      await (await app.get(KeyValueService).open('hostile')).put(subject, order);
      return;
    case 'object-store': {
      const store = await app.get(ObjectStoreService).open('hostile');
      await store.put(
        { name: subject, description: JSON.stringify(order) },
        Readable.from([Buffer.from('x')]),
      );
      return;
    }
    case 'core':
      jetstream.connection.nc.publish(subject, JSON.stringify(order));
  }
}
