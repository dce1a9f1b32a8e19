import { setTimeout as delay } from 'node:timers/promises';
import { Controller, Injectable } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import {
  DEAD_LETTER_HEADERS,
  DEAD_LETTER_STREAM,
  Handlers,
  JetStreamEvents,
  JetStreamService,
  JsConsumer,
  type AckMode,
  type JetStreamMessage,
  type PullJsConsumerOptions,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startMicroservice } from '../microservice/microservice.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

describe('a message without a usable orderBy key', () => {
  let server: NatsTestServer;
  let serial = 0;

  beforeAll(async () => {
    server = await NatsTestServer.start();
  });
  afterAll(() => server.stop());

  /** All dead letters of a stream, with their reasons. */
  async function letters(application: TestApplication, stream: string): Promise<string[]> {
    const kept = await application.app.get(JetStreamService).stream(DEAD_LETTER_STREAM);
    const reasons: string[] = [];
    for (let sequence = 1; ; sequence++) {
      const letter = await kept.getMessage(sequence).catch(() => undefined);
      if (!letter) return reasons;
      if (letter.headers?.get(DEAD_LETTER_HEADERS.stream) === stream) {
        reasons.push(letter.headers.get(DEAD_LETTER_HEADERS.reason));
      }
    }
  }

  const throwing: [string, (message: JetStreamMessage) => unknown][] = [
    ['throws', (message) => message.json<{ key: string }>().key],
    [
      'throws a value that is not an error',
      () => {
        // oxlint-disable-next-line typescript/only-throw-error -- users do
        throw undefined;
      },
    ],
    ['returns a promise that rejects', async (message) => message.json<{ key: string }>().key],
    ['returns an object', () => ({})],
  ];
  const forms: [string, Partial<PullJsConsumerOptions>][] = [
    ['one slot', {}],
    ['four slots', { concurrency: 4 }],
    ['four slots and a rate limit', { concurrency: 4, rateLimit: { messages: 100, per: 100 } }],
  ];
  const cases = throwing.flatMap(([fault, orderBy]) =>
    forms.map(([form, options]) => ({ fault, orderBy, form, options })),
  );

  it.each(cases)(
    '$fault, $form: is settled as invalid, and others are handled',
    async ({ orderBy, options }) => {
      const stream = `KEYS_${++serial}`;
      const handled: unknown[] = [];
      @Injectable()
      class Steps {
        @JsConsumer({
          stream,
          durable: 'steps',
          deadLetter: true,
          orderBy: (message) =>
            message.text().startsWith('{')
              ? message.json<{ key: string }>().key
              : (orderBy(message) as string),
          ...options,
        })
        async onStep(@Payload() step: unknown): Promise<void> {
          await delay(1);
          handled.push(step);
        }
      }
      await using application = await startApplication(server.url, {
        feature: { streams: [{ name: stream, subjects: [stream], storage: 'memory' }] },
        providers: [Steps],
      });
      const jetstream = application.app.get(JetStreamService);
      const handlers = application.app.get(Handlers);
      const events: string[] = [];
      application.app.get(JetStreamEvents).all.subscribe(({ type }) => events.push(type));
      for (let i = 0; i < 6; i++) {
        await jetstream.publish(stream, 'no JSON');
        await jetstream.publish(stream, { key: `k${i % 2}` });
      }
      const consumer = await jetstream.consumer(stream, 'steps');
      await eventually(
        () => consumer.info(),
        ({ numPending, numAckPending }) => numPending === 0 && numAckPending === 0,
      );
      await handlers.idle();
      expect(handled).toHaveLength(6);
      expect(handlers.get('Steps.onStep')).toMatchObject({ running: 0, waiting: 0, handled: 12, failed: 6 });
      expect(await letters(application, stream)).toEqual(Array(6).fill('invalid payload'));
      expect(
        application.logs.of('warn', 'Settlement').filter((line) => line.includes('orderBy')),
      ).toHaveLength(6);
      expect(events).toEqual([]);
    },
  );

  it.each<AckMode>(['first', 'none', 'confirmed', 'manual'])('ackMode %s: one delivery', async (ackMode) => {
    const stream = `KEYS_${++serial}`;
    @Injectable()
    class Steps {
      @JsConsumer({
        stream,
        durable: 'steps',
        ackMode,
        ackWait: 200,
        orderBy: (message) => message.json<string>(),
      })
      onStep(): void {}
    }
    await using application = await startApplication(server.url, {
      feature: { streams: [{ name: stream, subjects: [stream], storage: 'memory' }] },
      providers: [Steps],
    });
    const jetstream = application.app.get(JetStreamService);
    await jetstream.publish(stream, 'no JSON');
    const handlers = application.app.get(Handlers);
    await eventually(
      () => handlers.get('Steps.onStep').failed,
      (n) => n === 1,
    );
    const consumer = await jetstream.consumer(stream, 'steps');
    await eventually(
      () => consumer.info(),
      ({ numPending, numAckPending }) => numPending === 0 && numAckPending === 0,
    );
    expect((await consumer.info()).numRedelivered).toBe(0);
  });

  it('of an event: is settled as invalid, and the connection stays open', async () => {
    const name = `KEYS_${++serial}`;
    const handled: unknown[] = [];
    @Controller()
    class Events {
      @EventPattern(name, { concurrency: 4, orderBy: (message: JetStreamMessage) => message.json<string>() })
      onEvent(@Payload() event: unknown): void {
        handled.push(event);
      }
    }
    await using service = await startMicroservice(server.url, {
      controllers: [Events],
      server: { streams: [{ name, subjects: [name], storage: 'memory' }] },
    });
    let disconnects = 0;
    service.server.on('disconnect', () => {
      disconnects++;
    });
    await using application = await startApplication(server.url, {});
    const jetstream = application.app.get(JetStreamService);
    for (let i = 0; i < 5; i++) await jetstream.publish(name, 'no JSON');
    await jetstream.publish(name, 42);
    await eventually(
      () => handled,
      ([first]) => first !== undefined,
    );
    expect(disconnects).toBe(0);
    expect(await letters(application, name)).toEqual(Array(5).fill('invalid payload'));
  });
});
