import {
  DeadLetterPayloadGoneError,
  DeadLetterReason,
  OMITTED_PAYLOAD_HEADER,
  TerminateMessage,
  type ConsumerInfo,
  type DeadLetter,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.js';
import { startFailing, type FailingApplication } from './failing-application.js';

const MAX_PAYLOAD = 16_384;
const PAYLOAD = JSON.stringify('x'.repeat(MAX_PAYLOAD - 2));

type Options = NonNullable<Parameters<typeof startFailing>[1]['options']>;

/** Ways in which a message becomes a dead letter. */
const FAILURES: Readonly<Record<string, { readonly error: Error; readonly options?: Options }>> = {
  'in its first delivery': { error: new TerminateMessage('too much') },
  'in its last delivery': { error: new Error('no'), options: { retry: { maxDeliver: 2, backoff: [10] } } },
  'in its only delivery': { error: new Error('no'), options: { retry: { maxDeliver: 1 } } },
  'and is retried without limit otherwise': {
    error: new TerminateMessage('too much'),
    options: { retry: { maxDeliver: Infinity } },
  },
};

describe.each(['2.15', '2.9'])(
  'the original of a dead letter without payload, on nats-server %s',
  (version) => {
    let server: NatsTestServer;
    let serial = 0;
    let handled: unknown[] = [];
    let error: Error | undefined;

    beforeAll(async () => {
      server = await NatsTestServer.start({ version, config: { max_payload: MAX_PAYLOAD } });
    });
    afterAll(() => server.stop());

    const start = (
      retention: 'workqueue' | 'interest' | 'limits',
      failure: Error | undefined,
      options: Options = {},
    ): Promise<FailingApplication> => {
      error = failure;
      handled = [];
      const name = `LEFT_${++serial}`;
      return startFailing(server.url, {
        stream: { name, subjects: [`left.${serial}.>`], retention, storage: 'file' },
        handle: (payload) => {
          if (error && typeof payload === 'string') throw error;
          handled.push(payload);
        },
        options,
      });
    };

    const letterOf = async ({ deadLetters }: FailingApplication): Promise<DeadLetter> => {
      const { letters } = await eventually(
        () => deadLetters.page({ stream: `LEFT_${serial}` }),
        (page) => page.letters.length > 0,
      );
      expect(letters).toHaveLength(1);
      return letters[0];
    };

    const messages = async ({ jetstream }: FailingApplication): Promise<number> =>
      (await jetstream.stream(`LEFT_${serial}`)).cachedInfo.state.messages;

    const consumer = async ({ jetstream }: FailingApplication): Promise<ConsumerInfo> =>
      (await jetstream.consumer(`LEFT_${serial}`, 'worker')).info();

    describe.each(['workqueue', 'interest'] as const)('in a %s stream', (retention) => {
      it.each(Object.keys(FAILURES))('is kept if it becomes a dead letter %s', async (key) => {
        const { error: failure, options = {} } = FAILURES[key] ?? {};
        await using application = await start(retention, failure, options);
        await application.jetstream.publish(`left.${serial}.a`, PAYLOAD);
        await application.jetstream.publish(`left.${serial}.b`, { id: 2 });
        const letter = await letterOf(application);
        await eventually(
          () => consumer(application),
          ({ numAckPending, ackFloor }) => numAckPending === 1 && ackFloor.streamSequence === 0,
        );
        const { deliveries } = letter;
        await application.publish(`left.${serial}.c`, { id: 3 });
        await eventually(
          () => handled,
          ({ length }) => length === 2,
        );
        const { delivered } = await consumer(application);
        expect(delivered.consumerSequence).toBe(2 + deliveries);
        expect(await messages(application)).toBe(1);
        expect(application.logs.of('warn', 'DeadLetters')).toHaveLength(1);
        expect(application.logs.of('error', 'DeadLetters')).toEqual([]);
        error = undefined;
        await application.deadLetters.replay(letter, { to: 'handler' });
        expect(handled).toEqual([{ id: 2 }, { id: 3 }, JSON.parse(PAYLOAD)]);
        await eventually(
          () => messages(application),
          (count) => count === 0,
        );
        expect((await consumer(application)).numAckPending).toBe(0);
      });

      it.each(['replayed to its subject', 'dropped'])('is removed if its dead letter is %s', async (way) => {
        await using application = await start(retention, new TerminateMessage('too much'));
        await application.jetstream.publish(`left.${serial}.a`, PAYLOAD);
        const letter = await letterOf(application);
        error = undefined;
        if (way === 'dropped') await application.deadLetters.drop(letter.sequence);
        else await application.deadLetters.replay(letter);
        await eventually(
          () => messages(application),
          (count) => count === 0,
        );
        await application.settled();
        expect(handled).toEqual(way === 'dropped' ? [] : [JSON.parse(PAYLOAD)]);
      });

      it('is kept if it was never settled', async () => {
        await using application = await start(retention, undefined, {
          ackMode: 'manual',
          ackWait: 100,
          retry: { maxDeliver: 1 },
        });
        await application.jetstream.publish(`left.${serial}.a`, PAYLOAD);
        const letter = await letterOf(application);
        expect(letter).toMatchObject({
          reason: DeadLetterReason.NeverSettled,
          omittedPayloadSize: MAX_PAYLOAD,
        });
        expect(await messages(application)).toBe(1);
        await application.deadLetters.drop(letter);
        await eventually(
          () => messages(application),
          (count) => count === 0,
        );
      });

      it('is lost, which is logged, if it was acknowledged before it was handled', async () => {
        await using application = await start(retention, new Error('no'), { ackMode: 'first' });
        await application.jetstream.publish(`left.${serial}.a`, PAYLOAD);
        const letter = await letterOf(application);
        expect(letter.omittedPayloadSize).toBe(MAX_PAYLOAD);
        expect(application.logs.of('warn', 'DeadLetters')).toEqual([expect.stringContaining('is lost')]);
        await expect(application.deadLetters.replay(letter)).rejects.toThrow(DeadLetterPayloadGoneError);
        await application.deadLetters.drop(letter);
      });
    });

    it('survives a restart of the server, and is not delivered again', async () => {
      const failure = new TerminateMessage('too much');
      const silent = { ackMode: 'manual', ackWait: 100, retry: { maxDeliver: 1 } } as const;
      await using queue = await start('workqueue', failure);
      await queue.jetstream.publish(`left.${serial}.a`, PAYLOAD);
      await letterOf(queue);
      await using interest = await start('interest', failure);
      await interest.jetstream.publish(`left.${serial}.a`, PAYLOAD);
      await letterOf(interest);
      await using neverSettled = await start('workqueue', failure, silent);
      await neverSettled.jetstream.publish(`left.${serial}.a`, PAYLOAD);
      await letterOf(neverSettled);
      const { jetstream } = queue;
      const names = [serial - 2, serial - 1, serial].map((number) => `LEFT_${number}`);
      await server.restart();
      for (const name of names.slice(0, 2)) {
        await jetstream.publish(`${name.toLowerCase().replace('_', '.')}.b`, { id: 2 });
        const info = (): Promise<ConsumerInfo> =>
          jetstream.consumer(name, 'worker').then(({ cachedInfo }) => cachedInfo);
        const { delivered } = await eventually(
          info,
          ({ numAckPending, numPending }) => numPending === 0 && numAckPending === 1,
        );
        expect(delivered).toMatchObject({ consumerSequence: 2, streamSequence: 2 });
      }
      expect(handled).toEqual([{ id: 2 }, { id: 2 }]);
      for (const name of names) {
        const { state } = (await jetstream.stream(name)).cachedInfo;
        expect(state).toMatchObject({ messages: 1, firstSequence: 1 });
      }
    });

    it('is not looked up if only the original has the header of an omitted payload', async () => {
      await using application = await start('limits', new TerminateMessage('no'));
      const own = { headers: { [OMITTED_PAYLOAD_HEADER]: '5', A: 'b' } };
      await application.jetstream.publish(`left.${serial}.a`, '', own);
      await application.jetstream.publish(`left.${serial}.a`, '"x"', own);
      const letter = await letterOf(application);
      expect(letter.omittedPayloadSize).toBeUndefined();
      expect(letter.text()).toBe('"x"');
      expect(letter.headers?.get('A')).toBe('b');
    });
  },
);
