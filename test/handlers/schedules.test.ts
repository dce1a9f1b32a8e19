import { Injectable } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  HandlerConfigurationError,
  JetStreamService,
  JsConsumer,
  type JsConsumerOptions,
  type RetentionPolicy,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

describe('a stream with schedules', () => {
  let server: NatsTestServer;
  let serial = 0;

  beforeAll(async () => {
    server = await NatsTestServer.start();
  });
  afterAll(() => server.stop());

  /** Starts a handler on its own stream. */
  async function start(
    retention: RetentionPolicy,
    options: (name: string) => Partial<JsConsumerOptions>,
    handled: unknown[] = [],
  ): Promise<TestApplication & { name: string; subject: string; jetstream: JetStreamService }> {
    const subject = `s${++serial}`;
    const name = `SCHEDULED_${serial}`;
    @Injectable()
    class Handler {
      @JsConsumer({ stream: name, durable: 'handler', ...options(subject) } as JsConsumerOptions)
      handle(@Payload() payload: unknown, @Ctx() _: unknown): void {
        handled.push(...(Array.isArray(payload) ? (payload as unknown[]) : [payload]));
      }
    }
    const application = await startApplication(server.url, {
      feature: {
        streams: [
          {
            name,
            subjects: [`${subject}.>`],
            retention,
            storage: 'memory',
            allowMessageSchedules: true,
            allowMessageTtl: true,
          },
        ],
      },
      providers: [Handler],
    });
    return { ...application, name, subject, jetstream: application.app.get(JetStreamService) };
  }

  const ways: [string, Partial<JsConsumerOptions>][] = [
    ['one by one', {}],
    ['in batches', { batch: { size: 2, maxWait: 50 } }],
    ['in order', { ordered: true, durable: undefined }],
    ['pushed', { push: {} }],
    ['without acknowledgements', { ackMode: 'none' }],
    ['settled by hand', { ackMode: 'manual' }],
    ['in batches with one acknowledgement', { batch: { size: 2, maxWait: 50 }, ackPolicy: 'all' }],
  ];
  it.each(ways)(
    'delivers scheduled messages, but not the schedules, to a handler of all subjects (%s)',
    async (_, way) => {
      const handled: unknown[] = [];
      await using application = await start('limits', () => way, handled);
      const { subject, jetstream } = application;
      await jetstream.publish(`${subject}.schedules.a`, '"later"', {
        schedule: { at: new Date(Date.now() + 1_000), target: `${subject}.due` },
      });
      await jetstream.publish(`${subject}.now`, '"now"');
      await eventually(
        () => handled,
        (payloads) => payloads.includes('now'),
      );
      expect(handled).toEqual(['now']);
      await eventually(
        () => handled,
        (payloads) => payloads.length === 2,
      );
      // The schedule was acknowledged or skipped, not removed: otherwise it would not fire.
      expect(handled).toEqual(['now', 'later']);
    },
  );

  it.each<[RetentionPolicy, string, (subject: string) => Partial<JsConsumerOptions>]>([
    ['workqueue', 'no filter', () => ({})],
    ['interest', 'no filter', () => ({})],
    ['workqueue', 'a filter of all', (subject) => ({ filterSubjects: `${subject}.>` })],
    ['workqueue', 'a filter of everything', () => ({ filterSubjects: '>' })],
  ])('with retention %s rejects a handler with %s', async (retention, _, options) => {
    const error: unknown = await start(retention, options).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(HandlerConfigurationError);
    expect(String(error)).toContain('Handler.handle: receives all messages of stream');
  });

  it('with retention workqueue keeps a schedule that a filter matches, and logs it', async () => {
    const handled: unknown[] = [];
    await using application = await start(
      'workqueue',
      (subject) => ({ filterSubjects: [`${subject}.a`, `${subject}.b`] }),
      handled,
    );
    const { subject, jetstream } = application;
    await jetstream.publish(`${subject}.a`, '"later"', {
      schedule: { at: new Date(Date.now() + 1_000), target: `${subject}.b` },
    });
    await eventually(
      () => handled,
      (payloads) => payloads.length === 1,
    );
    expect(handled).toEqual(['later']);
    expect(application.logs.of('error', 'JsConsumer')[0]).toContain(
      `received the schedule on "${subject}.a" and returned it`,
    );
  });
});
