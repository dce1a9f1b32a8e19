import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Injectable } from '@nestjs/common';
import { DeadLetterReason, JsConsumer, type DeadLetter, type StreamConfig } from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RawPublisher } from '../../connection/raw-publisher.js';
import { eventually } from '../../support/eventually.js';
import { startFailing, type FailingApplication, type Handle } from './failing-application.js';
import { crashing } from './fixtures/crashing-service.js';

const fixture = fileURLToPath(new URL('./fixtures/crashing-service.mjs', import.meta.url));

async function firstLetter({ deadLetters }: FailingApplication): Promise<DeadLetter> {
  const { letters } = await eventually(
    () => deadLetters.page(),
    (page) => page.letters.length > 0,
  );
  return letters[0];
}

describe.each(['2.15', '2.10', '2.9'])('messages that are never settled, on nats-server %s', (version) => {
  let server: NatsTestServer;
  let serial = 0;

  beforeAll(async () => {
    server = await NatsTestServer.start({ version });
  });
  afterAll(() => server.stop());

  /** Starts a handler that never settles odd tasks. */
  function startSilent(
    config: Partial<StreamConfig>,
    providers: NonNullable<Parameters<typeof startFailing>[1]['providers']> = [],
  ): Promise<FailingApplication> {
    const handle: Handle = ({ id }, context) => {
      if (id % 2 === 0) context.ack();
    };
    const stream = { name: `JOBS_${++serial}`, subjects: [`jobs.${serial}`], ...config };
    const options = { ackMode: 'manual', ackWait: 100, retry: { maxDeliver: 2 } } as const;
    return startFailing(server.url, { stream, handle, options, providers });
  }

  it('become complete dead letters, and do not block the rest of the stream', async () => {
    await using application = await startSilent({});
    const { jetstream } = application;
    const { sequence } = await jetstream.publish(
      `jobs.${serial}`,
      { id: 1 },
      { headers: { Tenant: 'a' }, messageId: 'one' },
    );
    await application.publish(`jobs.${serial}`, { id: 2 });
    const letter = await firstLetter(application);
    expect(letter).toMatchObject({
      stream: `JOBS_${serial}`,
      consumer: 'worker',
      subject: `jobs.${serial}`,
      streamSequence: sequence,
      deliveries: 2,
      handler: 'Tasks.onTask',
      reason: DeadLetterReason.NeverSettled,
      error: '',
    });
    expect(letter.json()).toEqual({ id: 1 });
    expect(letter.headers?.get('Tenant')).toBe('a');
    expect(letter.headers?.get('Nats-Msg-Id')).toBe('one');
    expect(application.logs.of('error', 'DeadLetters')).toEqual([
      expect.stringMatching(
        /^Tasks\.onTask: a message \(stream JOBS_\d+, sequence 1, consumer worker\) was never settled in 2 deliveries/,
      ),
    ]);
    await application.settled();
    await application.deadLetters.dropAll({});
  });

  it('keep their headers exactly', async () => {
    await using application = await startSilent({});
    await using raw = await RawPublisher.connect(server.url);
    const block = 'NATS/1.0\r\nA: 1\r\nB:2\r\nA: 3\r\nTen\u00e4nt: x\r\nNats-Unknown: y\r\n\r\n';
    await raw.publish(`jobs.${serial}`, block, '{"id":1}');
    const { headers, rawHeaders } = await firstLetter(application);
    expect([...(headers ?? [])]).toEqual([
      ['A', ['1', '3']],
      ['B', ['2']],
      ['Ten\u00e4nt', ['x']],
      ['Nats-Unknown', ['y']],
    ]);
    expect(Buffer.from(rawHeaders ?? []).toString()).toBe(block);
    await application.settled();
    await application.deadLetters.dropAll({});
  });

  it('are removed from a work queue', async () => {
    await using application = await startSilent({ retention: 'workqueue' });
    await application.publish(`jobs.${serial}`, { id: 1 }, { id: 2 }, { id: 3 });
    const { letters } = await eventually(
      () => application.deadLetters.page(),
      (page) => page.letters.length === 2,
    );
    expect(letters.map((letter) => letter.json())).toEqual([{ id: 1 }, { id: 3 }]);
    const stream = await application.jetstream.stream(`JOBS_${serial}`);
    await eventually(
      () => stream.info(),
      ({ state }) => state.messages === 0,
    );
    await application.deadLetters.dropAll({});
  });

  it('stay in an interest stream until its other consumers have settled them', async () => {
    const name = `JOBS_${serial + 1}`;
    let release = (): void => undefined;
    @Injectable()
    class Others {
      @JsConsumer({ stream: name, durable: 'other' })
      onTask(): Promise<void> {
        return new Promise((resolve) => (release = resolve));
      }
    }
    await using application = await startSilent({ retention: 'interest' }, [Others]);
    await application.publish(`jobs.${serial}`, { id: 1 });
    await firstLetter(application);
    await application.settled();
    const stream = await application.jetstream.stream(name);
    expect((await stream.info()).state.messages).toBe(1);
    release();
    await eventually(
      () => stream.info(),
      ({ state }) => state.messages === 0,
    );
    await application.deadLetters.dropAll({});
  });

  it('are reported if they are no longer in their stream', async () => {
    await using application = await startSilent({});
    const advisory = `$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.JOBS_${serial}.worker`;
    await application.publish(advisory, { stream_seq: 7, deliveries: 2 });
    await eventually(
      () => application.logs.of('warn', 'DeadLetters'),
      (lines) =>
        lines.some((line) => line.endsWith('never settled in 2 deliveries, and is no longer in its stream')),
    );
    expect((await application.deadLetters.page()).letters).toEqual([]);
  });

  it('are detected again after the stream of advisories was deleted', async () => {
    await using application = await startSilent({});
    await application.jetstream.deleteStream('DEAD_LETTER_ADVISORIES');
    await eventually(
      () =>
        application.jetstream.stream('DEAD_LETTER_ADVISORIES').then(
          ({ cachedInfo }) => cachedInfo.state.consumers,
          () => 0,
        ),
      (consumers) => consumers === 1,
      // If the notice of the deletion is lost, the deletion is detected by missing heartbeats.
      50_000,
    );
    await application.publish(`jobs.${serial}`, { id: 1 });
    expect((await firstLetter(application)).json()).toEqual({ id: 1 });
    await application.deadLetters.dropAll({});
  }, 90_000);
});

describe('a message that kills its process each time', () => {
  let server: NatsTestServer;

  beforeAll(async () => {
    server = await NatsTestServer.start();
  });
  afterAll(() => server.stop());

  /** Starts the service repeatedly; each delivery of the message kills it. */
  async function crashUntilGivenUp({ url }: NatsTestServer): Promise<void> {
    for (let delivery = 1; delivery <= crashing.options.retry.maxDeliver; delivery++) {
      const child = spawn(process.execPath, [fixture, url], { stdio: ['ignore', 'ignore', 'inherit'] });
      expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
    }
  }

  it('does not use up the deliveries of later messages', async () => {
    await using own = await NatsTestServer.start();
    await using observer = await startFailing(own.url, {
      stream: { name: 'OTHER', subjects: ['other'] },
      handle: () => undefined,
    });
    const { jetstream } = observer;
    const stream = await jetstream.createStream(crashing.stream);
    await jetstream.publish('jobs', { id: 1, poison: true });
    for (let id = 2; id <= 30; id++) await jetstream.publish('jobs', { id, poison: false });
    await crashUntilGivenUp(own);

    await using application = await startFailing(own.url, { ...crashing, handle: () => undefined });
    await eventually(
      () => stream.info(),
      ({ state }) => state.messages === 0,
    );
    const { letters } = await application.deadLetters.page();
    expect(letters.map((letter) => letter.json())).toEqual([{ id: 1, poison: true }]);
  }, 120_000);

  it('becomes a dead letter at the next start if it used up its deliveries while no application ran', async () => {
    const handled: number[] = [];
    const startFixed = (): Promise<FailingApplication> =>
      startFailing(server.url, { ...crashing, handle: ({ id }) => handled.push(id) });
    await using observer = await startFailing(server.url, {
      stream: { name: 'OTHER', subjects: ['other'] },
      handle: () => undefined,
    });
    const { jetstream } = observer;
    await jetstream.createStream(crashing.stream);
    await jetstream.publish('jobs', { id: 1, poison: true });

    await crashUntilGivenUp(server);

    // The server notices at the next pull request that this message has used up its deliveries.
    const consumer = await jetstream.consumer('JOBS', 'worker');
    const advisories = await jetstream.stream('DEAD_LETTER_ADVISORIES');
    await eventually(
      async () => {
        for await (const message of consumer.fetch(1, { maxWait: 300 })) message.nak();
        return advisories.info();
      },
      ({ state }) => state.messages === 1,
    );

    await jetstream.publish('jobs', { id: 2, poison: false });
    await using application = await startFixed();
    const letter = await firstLetter(application);
    expect(letter).toMatchObject({
      stream: 'JOBS',
      consumer: 'worker',
      deliveries: 2,
      handler: 'Tasks.onTask',
    });
    expect(letter.reason).toBe(DeadLetterReason.NeverSettled);
    expect(letter.json()).toEqual({ id: 1, poison: true });
    await application.settled();
    expect(handled).toEqual([2]);
    await eventually(
      () => Promise.all([advisories.info(), jetstream.stream('JOBS')]),
      ([{ state }, { cachedInfo }]) => state.messages === 0 && cachedInfo.state.messages === 0,
    );

    await application.deadLetters.replay(letter, { to: 'handler' });
    expect(handled).toEqual([2, 1]);
  }, 120_000);
});
