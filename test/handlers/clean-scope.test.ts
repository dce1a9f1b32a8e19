import { AsyncLocalStorage } from 'node:async_hooks';
import { Controller, Injectable, UseGuards, type CanActivate } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import {
  Handlers,
  JetStreamEvents,
  JetStreamService,
  JsConsumer,
  KeyValueService,
  KvWatch,
  ObjectStoreService,
  ObjectWatch,
  OnJetStreamEvent,
  NatsSubscribe,
  type PullJsConsumerOptions,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { connect } from '@nats-io/transport-node';
import { defer } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startMicroservice } from '../microservice/microservice.js';
import { startApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

const MESSAGES = 6;

/** A value that one message leaves in this storage must not be visible to another one. */
const storage = new AsyncLocalStorage<string>();
let seen: (string | undefined)[] = [];

/** Records the current value and leaves another one. */
function pollute(): void {
  seen.push(storage.getStore());
  storage.enterWith('left by another message');
}

class PollutingGuard implements CanActivate {
  canActivate(): boolean {
    pollute();
    return true;
  }
}

const tick = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

/** Bodies of a handler. */
const bodies = {
  synchronous: pollute,
  'asynchronous, before it waits': async () => {
    pollute();
    await tick();
  },
  'asynchronous, after it waited': async () => {
    await tick();
    pollute();
  },
  'an observable': () => defer(async () => pollute()),
};

describe('the value that a message leaves in an AsyncLocalStorage is not visible to others', () => {
  let server: NatsTestServer;
  let serial = 0;

  beforeAll(async () => {
    server = await NatsTestServer.start();
  });
  afterAll(() => server.stop());

  const consumers: [string, Partial<PullJsConsumerOptions>, number][] = [
    ['one after another', {}, MESSAGES],
    ['several at once', { concurrency: 3 }, MESSAGES],
    ['ordered by key', { concurrency: 3, orderBy: 1 }, MESSAGES],
    ['batches', { batch: { size: 2, maxWait: 20 } }, MESSAGES / 2],
  ];
  const forms = consumers.flatMap(([form, options, calls]) =>
    Object.entries(bodies).map(([body, handle]) => ({ form, options, calls, body, handle })),
  );

  it.each(forms)('@JsConsumer, $form, $body', async ({ options, calls, handle }) => {
    seen = [];
    const name = `S${++serial}`;
    @Injectable()
    class Tasks {
      @JsConsumer({ stream: name, durable: 'worker', ...options })
      onTask(): unknown {
        return handle();
      }
    }
    const feature = { streams: [{ name, subjects: [`${name}.>`], storage: 'memory' as const }] };
    // Started and resumed in a context that must not be visible to messages.
    await using application = await startApplication(server.url, { feature, providers: [Tasks] });
    const jetstream = application.app.get(JetStreamService);
    const handlers = application.app.get(Handlers);
    for (let i = 0; i < MESSAGES / 2; i++) await jetstream.publish(`${name}.key`, i);
    await eventually(
      () => handlers.get('Tasks.onTask').handled,
      (n) => n === MESSAGES / 2,
    );
    await storage.run('of the caller', async () => {
      await handlers.pause('Tasks.onTask');
      await handlers.resume('Tasks.onTask');
    });
    for (let i = 0; i < MESSAGES / 2; i++) await jetstream.publish(`${name}.key`, i);
    await eventually(
      () => handlers.get('Tasks.onTask').handled,
      (n) => n === MESSAGES,
    );
    expect(seen.length).toBeGreaterThanOrEqual(calls);
    expect(new Set(seen)).toEqual(new Set([undefined]));
  });

  it('a guard, and messages after a reconnect', async () => {
    seen = [];
    const name = `S${++serial}`;
    @Injectable()
    class Tasks {
      @UseGuards(PollutingGuard)
      @JsConsumer({ stream: name, durable: 'worker' })
      onTask(): void {}
    }
    const own = await NatsTestServer.start();
    await using application = await startApplication(own.url, {
      connection: { reconnectTimeWait: 50 },
      feature: { streams: [{ name, subjects: [name] }] },
      providers: [Tasks],
    });
    const jetstream = application.app.get(JetStreamService);
    await jetstream.publish(name, 1);
    await eventually(
      () => seen.length,
      (n) => n === 1,
    );
    await own.restart();
    await jetstream.publish(name, 2, { timeout: 10_000 }).catch(() => jetstream.publish(name, 2));
    await jetstream.publish(name, 3);
    await eventually(
      () => seen.length,
      (n) => n >= 3,
    );
    expect(new Set(seen)).toEqual(new Set([undefined]));
    await application.app.close();
    await own.stop();
  });

  it('@KvWatch, @ObjectWatch and @NatsSubscribe', async () => {
    const by = { kv: [] as unknown[], object: [] as unknown[], core: [] as unknown[] };
    const name = `B${++serial}`;
    const look = (into: unknown[]): void => {
      into.push(storage.getStore());
      storage.enterWith('left by another message');
    };
    @Injectable()
    class Watches {
      @KvWatch(name)
      onEntry(): void {
        look(by.kv);
      }
      @ObjectWatch(name)
      onObject(): void {
        look(by.object);
      }
      @NatsSubscribe(name)
      onMessage(): void {
        look(by.core);
      }
    }
    await using application = await startApplication(server.url, {
      feature: { keyValues: [{ bucket: name }], objectStores: [{ bucket: name }] },
      providers: [Watches],
    });
    const bucket = await application.app.get(KeyValueService).open(name);
    const objects = await application.app.get(ObjectStoreService).open(name);
    const client = await connect({ servers: server.url });
    for (let i = 0; i < 3; i++) {
      await bucket.put('key', i);
      await objects.putString(`object-${i}`, 'x');
      client.publish(name, '1');
      await client.flush();
    }
    await client.close();
    await eventually(
      () => [by.kv.length, by.object.length, by.core.length],
      (counts) => counts.every((n) => n >= 3),
    );
    expect(new Set([...by.kv, ...by.object, ...by.core])).toEqual(new Set([undefined]));
  });

  it('@OnJetStreamEvent', async () => {
    seen = [];
    @Injectable()
    class Listener {
      @OnJetStreamEvent()
      onEvent(): void {
        pollute();
      }
    }
    await using application = await startApplication(server.url, { providers: [Listener] });
    const events = application.app.get(JetStreamEvents);
    const event = { type: 'disconnected', connection: 'default', time: new Date() } as const;
    for (let i = 0; i < 3; i++) events.emit(event);
    expect(seen).toEqual([undefined, undefined, undefined]);
  });

  it('@EventPattern', async () => {
    seen = [];
    const name = `E${++serial}`;
    @Controller()
    class Events {
      @EventPattern(name)
      onEvent(@Payload() _event: unknown): void {
        pollute();
      }
    }
    await using _ = await startMicroservice(server.url, {
      controllers: [Events],
      server: { streams: [{ name, subjects: [name], storage: 'memory' }] },
    });
    await using application = await startApplication(server.url, {});
    for (let i = 0; i < 3; i++) await application.app.get(JetStreamService).publish(name, i);
    await eventually(
      () => seen.length,
      (n) => n === 3,
    );
    expect(new Set(seen)).toEqual(new Set([undefined]));
  });

  it('keeps the context in which the application was started', async () => {
    seen = [];
    const name = `S${++serial}`;
    @Injectable()
    class Tasks {
      @JsConsumer({ stream: name, durable: 'worker', concurrency: 2 })
      async onTask(): Promise<void> {
        pollute();
      }
    }
    const feature = { streams: [{ name, subjects: [name], storage: 'memory' as const }] };
    await using application = await storage.run('of the application', () =>
      startApplication(server.url, { feature, providers: [Tasks] }),
    );
    for (let i = 0; i < 4; i++) await application.app.get(JetStreamService).publish(name, i);
    await eventually(
      () => seen.length,
      (n) => n === 4,
    );
    expect(new Set(seen)).toEqual(new Set(['of the application']));
  });
});
