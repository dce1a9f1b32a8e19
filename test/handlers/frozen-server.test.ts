import { Controller, Injectable } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import {
  Handlers,
  JetStreamError,
  JsConsumer,
  KvWatch,
  ObjectWatch,
  RequestTimeoutError,
  NatsSubscribe,
} from 'nestjs-nats-jetstream';
import { connect } from 'nestjs-nats-jetstream/nats';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { within } from '../../lib/timing/index.js';
import { startMicroservice } from '../microservice/microservice.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

/** The time of one request, in milliseconds. */
const TIMEOUT = 500;
/** The longest duration of a command that consists of several requests, in milliseconds. */
const LONGEST = 8_000;

const received: string[] = [];

@Injectable()
class All {
  @JsConsumer({ stream: 'TASKS', durable: 'pull' })
  pull(@Payload() _: unknown): void {}
  @JsConsumer({ stream: 'TASKS', durable: 'push', push: {} })
  push(@Payload() _: unknown): void {}
  @JsConsumer({
    stream: 'TASKS',
    durable: 'group',
    push: { deliverSubject: 'deliver.group', deliverGroup: 'g' },
  })
  group(@Payload() _: unknown): void {}
  @JsConsumer({ stream: 'TASKS', ordered: true })
  ordered(@Payload() _: unknown): void {}
  @JsConsumer({ stream: 'TASKS', durable: 'batch', batch: { size: 2 } })
  batch(@Payload() _: unknown): void {}
  @JsConsumer({ stream: 'TASKS' })
  ephemeral(@Payload() _: unknown): void {}
  @KvWatch('bucket')
  key(): void {}
  @ObjectWatch('files')
  object(): void {}
  @NatsSubscribe('core')
  core(@Payload() text: string): void {
    received.push(text);
  }
}

const NAMES = ['pull', 'push', 'group', 'ordered', 'batch', 'ephemeral', 'key', 'object', 'core'].map(
  (method) => `All.${method}`,
);

describe('handlers on a server that hangs', () => {
  let server: NatsTestServer;
  let application: TestApplication;
  let handlers: Handlers;
  beforeEach(async () => {
    server = await NatsTestServer.start();
    application = await startApplication(server.url, {
      options: { jetstream: { timeout: TIMEOUT }, shutdownTimeout: 2_000 },
      feature: {
        streams: [{ name: 'TASKS', subjects: ['tasks.*'], storage: 'memory' }],
        keyValues: [{ bucket: 'bucket', storage: 'memory' }],
        objectStores: [{ bucket: 'files', storage: 'memory' }],
      },
      providers: [All],
    });
    handlers = application.app.get(Handlers);
  });
  afterEach(async () => {
    server.resume();
    await application.app.close();
    await server.stop();
  });

  it.each(['pause', 'resume', 'stop', 'start'] as const)(
    '%s ends in time, for every form',
    async (command) => {
      if (command === 'resume') await Promise.all(NAMES.map((name) => handlers.pause(name)));
      if (command === 'start') await Promise.all(NAMES.map((name) => handlers.stop(name)));
      server.pause();
      const outcomes = await Promise.all(
        NAMES.map(async (name) => {
          const acted = handlers[command](name);
          if (!(await within(LONGEST, acted))) return `${name}: still waiting`;
          return acted.then(
            () => 'done',
            (error: unknown) => (error instanceof JetStreamError ? 'failed' : error),
          );
        }),
      );
      expect(outcomes.filter((outcome) => outcome !== 'done' && outcome !== 'failed')).toEqual([]);
    },
  );

  it('a subscription that could not resume resumes later, and then handles each message once', async () => {
    await handlers.pause('All.core');
    server.pause();
    await expect(handlers.resume('All.core')).rejects.toThrow(RequestTimeoutError);
    expect(handlers.get('All.core').status).toBe('paused');
    server.resume();
    await handlers.resume('All.core');
    const nc = await connect({ servers: server.url });
    nc.publish('core', '"one"');
    nc.publish('core', '"two"');
    await nc.drain();
    await eventually(
      () => received.length,
      (count) => count >= 2,
    );
    expect(received).toEqual(['one', 'two']);
  });
});

describe('a service on a server that hangs', () => {
  it('stops a generator of infinite answers when it is closed', async () => {
    await using server = await NatsTestServer.start();
    let answers = 0;
    let ended = false;
    @Controller()
    class Numbers {
      @MessagePattern('numbers')
      async *numbers(@Ctx() _: unknown): AsyncGenerator<number> {
        try {
          for (;;) yield answers++;
        } finally {
          ended = true;
        }
      }
    }
    const { app } = await startMicroservice(server.url, {
      controllers: [Numbers],
      server: {
        connection: { servers: server.url },
        jetstream: { timeout: TIMEOUT },
        shutdownTimeout: 1_000,
      },
    });
    const nc = await connect({ servers: server.url });
    const subscription = nc.subscribe('answers');
    nc.publish('numbers', JSON.stringify({ pattern: 'numbers', data: 1, id: '1' }), { reply: 'answers' });
    await nc.flush();
    await eventually(
      () => answers,
      (count) => count > 200,
    );
    server.pause();
    const start = performance.now();
    await app.close();
    expect(performance.now() - start).toBeLessThan(4_000);
    expect(ended).toBe(true);
    server.resume();
    subscription.unsubscribe();
    await nc.close();
  });
});
