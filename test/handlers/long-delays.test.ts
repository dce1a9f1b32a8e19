import { Ctx } from '@nestjs/microservices';
import { Injectable } from '@nestjs/common';
import {
  MessageSettlement,
  InvalidArgumentError,
  JetStreamContext,
  JetStreamService,
  JsConsumer,
  RetryMessage,
  type JsConsumerOptions,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

/** The longest duration that the server supports, in milliseconds. */
const LONGEST = 9_223_372_036_854;

describe.each(['2.15', '2.9'])('delays beyond the limit of servers, on nats-server %s', (version) => {
  let server: NatsTestServer;
  let deliveries = 0;

  beforeAll(async () => {
    server = await NatsTestServer.start({ version });
  });
  afterAll(() => server.stop());

  function start(
    handle: (context: JetStreamContext) => void,
    options: Partial<JsConsumerOptions> = {},
  ): Promise<TestApplication> {
    @Injectable()
    class Handler {
      @JsConsumer({ stream: 'S', durable: 'late', filterSubjects: 's.late', ...options } as JsConsumerOptions)
      handle(@Ctx() context: JetStreamContext): void {
        deliveries++;
        handle(context);
      }
    }
    deliveries = 0;
    return startApplication(server.url, {
      feature: { streams: [{ name: 'S', subjects: ['s.>'], storage: 'memory' }] },
      providers: [Handler],
    });
  }

  /** Publishes a message, and waits long enough for many redeliveries. */
  async function publishOne({ app }: TestApplication): Promise<void> {
    const jetstream = app.get(JetStreamService);
    await jetstream.publish('s.late', {});
    await eventually(
      () => deliveries,
      (count) => count > 0,
      5_000,
    );
    // If the message were redelivered at once, this would happen before the server has acknowledged these.
    for (let i = 0; i < 50; i++) await jetstream.publish('s.next', i);
    const consumer = await jetstream.consumer('S', 'late');
    expect((await consumer.info()).numAckPending).toBe(1);
  }

  const failing = (): never => {
    throw new Error('busy');
  };

  it.each<[string, (context: JetStreamContext) => void, Partial<JsConsumerOptions>]>([
    ['the longest backoff', failing, { retry: { backoff: [LONGEST] } }],
    ['a long backoff, extended by jitter', failing, { retry: { backoff: [9e12], jitter: 1 } }],
    ['the longest backoff, extended by jitter', failing, { retry: { backoff: [LONGEST], jitter: 1 } }],
    ...[LONGEST, LONGEST + 1, 1e13, Number.MAX_SAFE_INTEGER, Number.MAX_VALUE].flatMap(
      (delay): [string, (context: JetStreamContext) => void, Partial<JsConsumerOptions>][] => [
        [
          `RetryMessage(${delay})`,
          () => {
            throw new RetryMessage(delay);
          },
          {},
        ],
        [`nak(${delay})`, (context) => context.nak(delay), {}],
        [`nak(${delay}) in manual mode`, (context) => context.nak(delay), { ackMode: 'manual' }],
      ],
    ),
  ])('%s', async (_, handle, options) => {
    await using application = await start(handle, options);
    await publishOne(application);
    expect(deliveries).toBe(1);
    await application.app.get(JetStreamService).deleteStream('S');
  });

  it.each([Number.NaN, Infinity, -1, '5' as unknown as number, null as unknown as number])(
    'retries a RetryMessage(%s) with the delay of the policy, regardless of its rules for other errors',
    async (delay) => {
      const errors: unknown[] = [];
      class Recording extends MessageSettlement {
        override onFailure(
          ...[error, ...rest]: Parameters<MessageSettlement['onFailure']>
        ): void | Promise<void> {
          errors.push(error);
          return super.onFailure(error, ...rest);
        }
      }
      await using application = await start(
        ({ metadata }) => {
          if (metadata.deliveryCount < 2) throw new RetryMessage(delay);
        },
        {
          retry: { backoff: [1], retryIf: (error) => error instanceof RetryMessage },
          settlement: Recording,
        },
      );
      const jetstream = application.app.get(JetStreamService);
      await jetstream.publish('s.late', {});
      await eventually(
        () => deliveries,
        (count) => count === 2,
        5_000,
      );
      expect(errors).toEqual([expect.any(RetryMessage)]);
      expect(
        application.logs.of('warn', 'Recording').concat(application.logs.of('warn', 'Settlement')),
      ).toEqual([
        expect.stringMatching(
          /failed and will be retried in 1 ms: \w+: RetryMessage was given .* as delay, which is not/,
        ),
      ]);
      await jetstream.deleteStream('S');
    },
  );

  it.each([Number.NaN, Infinity, -1])('throws for nak(%s) without settling the message', async (delay) => {
    const thrown: unknown[] = [];
    await using application = await start((context) => {
      try {
        context.nak(delay);
      } catch (error) {
        thrown.push(error, context.message.settled);
      }
    });
    const jetstream = application.app.get(JetStreamService);
    await jetstream.publish('s.late', {});
    await eventually(
      () => thrown.length,
      (count) => count > 0,
      5_000,
    );
    expect(thrown).toEqual([expect.any(InvalidArgumentError), false]);
    await jetstream.deleteStream('S');
  });
});
