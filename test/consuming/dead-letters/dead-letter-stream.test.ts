import { Injectable } from '@nestjs/common';
import {
  DEAD_LETTER_STREAM,
  DeadLetterReason,
  DeadLetters,
  getJetStreamToken,
  InjectDeadLetters,
  JetStreamModule,
  JetStreamService,
  JsConsumer,
  StreamNotFoundError,
  TerminateMessage,
} from 'nestjs-nats-jetstream';
import { NatsTestCluster, NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApplication } from '../../support/application.js';
import { eventually } from '../../support/eventually.js';
import { all } from './all.js';
import { startFailing } from './failing-application.js';

describe('the dead-letter stream', () => {
  let server: NatsTestServer;
  beforeAll(async () => {
    server = await NatsTestServer.start();
  });
  afterAll(() => server.stop());

  it('has as many replicas as the streams that dead letters come from', async () => {
    await using cluster = await NatsTestCluster.start(3);
    await using application = await startFailing(cluster.urls, {
      stream: { name: 'TASKS', subjects: ['tasks'], retention: 'workqueue', replicas: 3 },
      handle: ({ id }, context) => {
        if (id === 1) throw new TerminateMessage('first');
        if (id === 3) context.ack();
      },
      options: { ackMode: 'manual', ackWait: 200 },
    });
    const { jetstream, deadLetters } = application;
    await application.publish('tasks', { id: 1 }, { id: 2 }, { id: 3 });
    const { letters } = await eventually(
      () => deadLetters.page(),
      (page) => page.letters.length === 2,
    );
    expect(letters.map(({ reason }) => reason)).toEqual(['first', DeadLetterReason.NeverSettled]);
    for (const name of [DEAD_LETTER_STREAM, 'DEAD_LETTER_ADVISORIES']) {
      expect((await jetstream.stream(name)).cachedInfo.config.replicas).toBe(3);
    }
    await eventually(
      () => jetstream.stream('TASKS'),
      ({ cachedInfo }) => cachedInfo.state.messages === 0,
    );
  });

  it('after its deletion, delays the termination of a message until its dead letter is stored', async () => {
    await using application = await startFailing(server.url, {
      stream: { name: 'GONE', subjects: ['gone'] },
      handle: () => {
        throw new TerminateMessage('seen enough');
      },
      options: { ackWait: 300 },
    });
    const { jetstream, deadLetters, logs } = application;
    const { config } = (await jetstream.stream(DEAD_LETTER_STREAM)).cachedInfo;
    await jetstream.deleteStream(DEAD_LETTER_STREAM);
    await application.publish('gone', { id: 1 });
    await eventually(
      () => logs.of('error', 'Settlement'),
      (lines) =>
        lines.some((line) =>
          /^Tasks\.onTask: the message .* could not be stored as a dead letter yet/.test(line),
        ),
    );
    expect((await (await jetstream.consumer('GONE', 'worker')).info()).numAckPending).toBe(1);
    await jetstream.createStream(config);
    await application.settled();
    const letters = await all(deadLetters.list({ stream: 'GONE' }));
    expect(letters.map(({ deliveries }) => deliveries)).toEqual([1]);
  });

  it('if it cannot store even the details, leaves the message in its stream, and others are handled', async () => {
    await using small = await NatsTestServer.start();
    const handled: number[] = [];
    await using application = await startFailing(small.url, {
      stream: { name: 'LARGE', subjects: ['large'], retention: 'workqueue' },
      handle: ({ id }) => {
        if (id === 1) throw new TerminateMessage('too much');
        handled.push(id);
      },
    });
    const { jetstream, deadLetters, logs } = application;
    const { config } = (await jetstream.stream(DEAD_LETTER_STREAM)).cachedInfo;
    await jetstream.updateStream({ ...config, maxMessageSize: 200 });
    await application.publish('large', { id: 1 }, { id: 2 });
    await eventually(
      () => handled,
      (ids) => ids.length === 1,
    );
    expect(logs.of('error', 'Settlement')).toEqual([
      expect.stringMatching(
        /^Tasks\.onTask: .*sequence 1.*could not be stored as a dead letter yet: .*larger than the server accepts/,
      ),
    ]);
    expect(await all(deadLetters.list())).toEqual([]);
    expect((await (await jetstream.stream('LARGE')).getMessage(1)).json()).toEqual({ id: 1 });
  });

  it('of another connection is injected by the name of the connection', async () => {
    @Injectable()
    class Tasks {
      constructor(@InjectDeadLetters('analytics') readonly deadLetters: DeadLetters) {}

      @JsConsumer({ connection: 'analytics', stream: 'NAMED', durable: 'worker', deadLetter: true })
      onTask(): void {
        throw new TerminateMessage('no');
      }
    }
    await using other = await NatsTestServer.start();
    await using application = await startApplication(server.url, {
      imports: [
        JetStreamModule.forRoot({ name: 'analytics', connection: { servers: other.url } }),
        JetStreamModule.forFeature({
          connection: 'analytics',
          streams: [{ name: 'NAMED', subjects: ['named'] }],
        }),
      ],
      providers: [Tasks],
    });
    const { deadLetters } = application.app.get(Tasks);
    await application.app.get<JetStreamService>(getJetStreamToken('analytics')).publish('named', 1);
    await eventually(
      () => deadLetters.page(),
      ({ letters }) => letters.length === 1,
    );
    expect(deadLetters).not.toBe(application.app.get(DeadLetters));
  });

  it('keeps the configuration that the application declares', async () => {
    await using application = await startFailing(server.url, {
      stream: { name: 'A', subjects: ['a'] },
      handle: () => undefined,
      providers: [],
    });
    await application.jetstream.deleteStream(DEAD_LETTER_STREAM);
    const declared = { name: DEAD_LETTER_STREAM, subjects: ['dead-letters.>'], maxAge: 60_000 };
    await application.jetstream.createStream(declared);
    await using again = await startFailing(server.url, {
      stream: { name: 'B', subjects: ['b'] },
      handle: () => undefined,
    });
    const { config } = (await again.jetstream.stream(DEAD_LETTER_STREAM)).cachedInfo;
    expect(config).toMatchObject({ maxAge: 60_000, duplicateWindow: 60_000, allowDirect: false });
    await again.jetstream.deleteStream(DEAD_LETTER_STREAM);
    await expect(all(again.deadLetters.list())).rejects.toThrow(StreamNotFoundError);
  });
});
