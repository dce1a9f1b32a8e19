import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import {
  ConnectionClosedError,
  Handlers,
  JetStreamService,
  JsConsumer,
  KeyValueService,
  KvWatch,
  NatsSubscribe,
  ObjectStoreService,
  ObjectWatch,
  getNatsConnectionToken,
  type HandlerState,
} from 'nestjs-nats-jetstream';
import type { NatsConnection } from 'nestjs-nats-jetstream/nats';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

/** Handlers wait for this promise, if there is one. */
let gate: Promise<void> | undefined;

@Injectable()
class All {
  @JsConsumer({ stream: 'TASKS', durable: 'pull' })
  pull(@Payload() _: unknown): Promise<void> | undefined {
    return gate;
  }
  @JsConsumer({ stream: 'TASKS', durable: 'keyed', orderBy: () => 'k', concurrency: 2 })
  keyed(@Payload() _: unknown): Promise<void> | undefined {
    return gate;
  }
  @JsConsumer({ stream: 'TASKS', durable: 'push', push: { idleHeartbeat: 500 } })
  push(@Payload() _: unknown): Promise<void> | undefined {
    return gate;
  }
  @JsConsumer({ stream: 'TASKS', durable: 'batch', batch: { size: 2, maxWait: 10 } })
  batch(@Payload() _: unknown): Promise<void> | undefined {
    return gate;
  }
  @JsConsumer({ stream: 'TASKS', ordered: true })
  ordered(@Payload() _: unknown): Promise<void> | undefined {
    return gate;
  }
  @JsConsumer({ stream: 'TASKS' })
  ephemeral(@Payload() _: unknown): Promise<void> | undefined {
    return gate;
  }
  @KvWatch('bucket')
  key(): Promise<void> | undefined {
    return gate;
  }
  @ObjectWatch('files')
  object(): Promise<void> | undefined {
    return gate;
  }
  @NatsSubscribe('core')
  core(@Payload() _: unknown): Promise<void> | undefined {
    return gate;
  }
}

const FORMS = ['pull', 'keyed', 'push', 'batch', 'ordered', 'ephemeral', 'key', 'object', 'core'];

describe('the state of handlers of every form', () => {
  let server: NatsTestServer;
  let application: TestApplication;
  let handlers: Handlers;
  beforeEach(async () => {
    gate = undefined;
    server = await NatsTestServer.start();
    application = await startApplication(server.url, {
      connection: { reconnectTimeWait: 20, maxReconnectAttempts: -1 },
      options: { shutdownTimeout: 500 },
      feature: {
        streams: [{ name: 'TASKS', subjects: ['tasks'] }],
        keyValues: [{ bucket: 'bucket' }],
        objectStores: [{ bucket: 'files' }],
      },
      providers: [All],
    });
    handlers = application.app.get(Handlers);
  });
  afterEach(async () => {
    await application.app.close();
    await server.stop();
  });

  const states = (): Record<string, HandlerState> =>
    Object.fromEntries(handlers.list().map((state) => [state.handler.replace('All.', ''), state]));
  const each = <T>(read: (state: HandlerState) => T): Record<string, T> =>
    Object.fromEntries(Object.entries(states()).map(([name, state]) => [name, read(state)]));
  const all = <T>(value: T): Record<string, T> => Object.fromEntries(FORMS.map((form) => [form, value]));

  /** Sends one message or entry to every handler. */
  async function send(): Promise<void> {
    await application.app.get(JetStreamService).publish('tasks', 1);
    await (await application.app.get(KeyValueService).open('bucket')).put('key', 1);
    await (await application.app.get(ObjectStoreService).open('files')).putBytes('object', new Uint8Array(1));
    application.app.get<NatsConnection>(getNatsConnectionToken()).publish('core', '1');
  }

  it('says whether the connection has a link, and is running again after the reconnect', async () => {
    const status = (): unknown => each(({ connected, status: now }) => `${now} ${connected}`);
    expect(status()).toEqual(all('running true'));
    await server.kill();
    await eventually(
      () => each(({ connected }) => connected),
      (connected) => Object.values(connected).every((now) => !now),
    );
    // A handler may have noticed that its consumer does not answer.
    for (const { status: now } of handlers.list()) expect(['running', 'recovering']).toContain(now);
    await server.restart();
    await eventually(status, (now) => JSON.stringify(now) === JSON.stringify(all('running true')), 20_000);
    await send();
    await eventually(
      () => each(({ handled }) => handled > 0),
      (handled) => Object.values(handled).every(Boolean),
    );
  });

  it('is stopped with the reason when the connection is closed for good', async () => {
    await application.app.get<NatsConnection>(getNatsConnectionToken()).close();
    await eventually(
      () => each(({ status }) => status),
      (status) => Object.values(status).every((now) => now === 'stopped'),
    );
    expect(each(({ connected }) => connected)).toEqual(all(false));
    for (const { error } of handlers.list()) expect(error).toBeInstanceOf(ConnectionClosedError);
  });

  it('says how long the handler has been running for the oldest message', async () => {
    expect(each(({ oldest }) => oldest)).toEqual(all(0));
    let finish = (): void => {};
    gate = new Promise((resolve) => (finish = resolve));
    await send();
    await eventually(
      () => each(({ oldest }) => oldest),
      (oldest) => Object.values(oldest).every((age) => age >= 100),
    );
    finish();
    await eventually(
      () => each(({ oldest, running }) => oldest + running),
      (rest) => Object.values(rest).every((left) => left === 0),
    );
  });

  it('says how long the status has lasted', async () => {
    await eventually(
      () => each(({ statusAge }) => statusAge),
      (ages) => Object.values(ages).every((age) => age >= 50),
    );
    await Promise.all(FORMS.map((form) => handlers.pause(`All.${form}`)));
    for (const { status, statusAge } of handlers.list()) {
      expect(status).toBe('paused');
      expect(statusAge).toBeLessThan(5_000);
    }
    const before = states().key?.statusAge ?? 0;
    await eventually(
      () => states().key?.statusAge ?? 0,
      (age) => age > before,
    );
  });

  it('names the current consumer of an ordered handler, and how messages are delivered', async () => {
    const { pull, push, ordered, key } = states();
    expect([pull?.delivery, push?.delivery, ordered?.delivery, key?.delivery]).toEqual([
      'pull',
      'push',
      'ordered',
      undefined,
    ]);
    const jetstream = application.app.get(JetStreamService);
    const exists = (name: string): Promise<boolean> =>
      jetstream.consumer('TASKS', name).then(
        () => true,
        () => false,
      );
    expect(await exists(ordered?.consumer ?? '')).toBe(true);
    await jetstream.deleteConsumer('TASKS', ordered?.consumer ?? '');
    await eventually(
      () => states().ordered?.consumer,
      (name) => name !== ordered?.consumer,
    );
    expect(await eventually(() => exists(states().ordered?.consumer ?? ''), Boolean)).toBe(true);
  });

  it('says why a handler is recovering', async () => {
    const jetstream = application.app.get(JetStreamService);
    await jetstream.deleteStream('TASKS');
    const recovering = ['pull', 'keyed', 'push', 'batch', 'ordered', 'ephemeral'];
    const found = await eventually(
      () => recovering.map((form) => states()[form]),
      (now) => now.every((state) => state?.status === 'recovering' && state.error !== undefined),
      20_000,
    );
    expect(found.every((state) => state?.error instanceof Error)).toBe(true);
  });

  it('does not count the time in which a message waits for its turn', async () => {
    let finish = (): void => {};
    gate = new Promise((resolve) => (finish = resolve));
    const jetstream = application.app.get(JetStreamService);
    await jetstream.publish('tasks', 1);
    await eventually(
      () => states().keyed,
      (state) => (state?.oldest ?? 0) >= 1_500,
    );
    await jetstream.publish('tasks', 2);
    await eventually(
      () => states().keyed?.waiting,
      (waiting) => waiting === 1,
    );
    gate = new Promise(() => {});
    finish();
    const { oldest } = await eventually(
      () => handlers.get('All.keyed'),
      ({ handled, running }) => handled === 1 && running === 1,
    );
    expect(oldest).toBeLessThan(1_000);
  });
});
