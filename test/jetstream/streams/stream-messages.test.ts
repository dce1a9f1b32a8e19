import { headers } from '@nats-io/transport-node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  DirectAccessDisabledError,
  InvalidArgumentError,
  InvalidSubjectError,
  JetStreamApiError,
  MessageNotFoundError,
  StreamNotFoundError,
  UnsupportedServerFeatureError,
} from '../../../lib/errors/index.js';
import type { JetStreamService, Stream } from '../../../lib/jetstream/index.js';
import type { NatsTestServer } from '../../../lib/testing/index.js';
import {
  collect,
  ConnectedJetStream,
  uniqueName,
  startServer,
  deleteStreams,
} from './connected-jetstream.js';

let streamName = '';

beforeEach(() => {
  streamName = uniqueName();
});

describe.each(['2.15', '2.10', '2.9'])('the messages of a stream on nats-server %s', (version) => {
  let server: NatsTestServer;
  let connected: ConnectedJetStream;
  let jetstream: JetStreamService;
  let stream: Stream;

  beforeAll(async () => {
    server = await startServer(version);
    connected = await ConnectedJetStream.connect(server.url);
    jetstream = connected.jetstream;
  });
  afterAll(async () => {
    await connected[Symbol.asyncDispose]();
    await server.stop();
  });
  beforeEach(async () => {
    stream = await jetstream.createStream({ name: streamName, subjects: ['s.>'], storage: 'memory' });
  });
  afterEach(async () => {
    await deleteStreams(jetstream);
  });

  describe('info', () => {
    it('reports the state of the stream, and stores it as cachedInfo', async () => {
      expect(stream.cachedInfo.state.firstTime).toBeUndefined();
      await connected.publish('s.a', 2);

      const { state } = await stream.info();

      expect(state).toMatchObject({
        messages: 2,
        firstSequence: 1,
        lastSequence: 2,
        numSubjects: 1,
        consumers: 0,
      });
      expect(state.bytes).toBeGreaterThan(0);
      expect(Math.abs(Date.now() - Number(state.lastTime))).toBeLessThan(60_000);
      expect(stream.cachedInfo.state.messages).toBe(2);
    });

    it('lists deleted sequences with deletedDetails', async () => {
      await connected.publish('s.a', 5);
      await stream.deleteMessage(2);
      await stream.deleteMessage(4);

      expect((await stream.info()).state).toMatchObject({ numDeleted: 2, deleted: undefined });
      expect((await stream.info({ deletedDetails: true })).state.deleted).toEqual([2, 4]);
    });

    it('counts the messages of subjects with subjectFilter, without caching them', async () => {
      await connected.publish('s.a', 2);
      await connected.publish('s.b', 1);

      expect((await stream.info({ subjectFilter: '>' })).state.subjects).toEqual({ 's.a': 2, 's.b': 1 });
      expect((await stream.info({ subjectFilter: 's.b' })).state.subjects).toEqual({ 's.b': 1 });
      expect((await stream.info({ subjectFilter: 's.c' })).state.subjects).toEqual({});
      expect(stream.cachedInfo.state.subjects).toBeUndefined();
    });

    it('fails after the stream was deleted', async () => {
      await jetstream.deleteStream(streamName);

      await expect(stream.info()).rejects.toThrow(StreamNotFoundError);
    });
  });

  describe('purge', () => {
    beforeEach(async () => {
      await connected.publish('s.a', 3);
      await connected.publish('s.b', 3);
    });

    it('removes everything', async () => {
      expect(await stream.purge()).toBe(6);
      expect((await stream.info()).state.messages).toBe(0);
    });

    it('removes a subject, messages before a sequence, or all except the newest', async () => {
      expect(await stream.purge({ subject: 's.a', keep: 1 })).toBe(2);
      expect(await stream.purge({ sequence: 5 })).toBe(2);
      expect(await stream.purge({ keep: 1 })).toBe(1);
      expect((await stream.info()).state).toMatchObject({ messages: 1, firstSequence: 6 });
    });

    it('rejects invalid arguments before anything is sent', async () => {
      // @ts-expect-error the types exclude it too
      await expect(stream.purge({ keep: 1, sequence: 2 })).rejects.toThrow(InvalidArgumentError);
      await expect(stream.purge({ keep: -1 })).rejects.toThrow(InvalidArgumentError);
      await expect(stream.purge({ sequence: 1.5 })).rejects.toThrow(InvalidArgumentError);
      await expect(stream.purge({ subject: 'a b' })).rejects.toThrow(InvalidSubjectError);
      expect((await stream.info()).state.messages).toBe(6);
    });

    it('is rejected if the stream denies it', async () => {
      await jetstream.deleteStream(streamName);
      stream = await jetstream.createStream({ name: streamName, denyPurge: true, denyDelete: true });

      await expect(stream.purge()).rejects.toThrow(JetStreamApiError);
      await expect(stream.deleteMessage(1)).rejects.toThrow(JetStreamApiError);
    });
  });

  describe.each([false, true])('reading one message, direct %s', (allowDirect) => {
    beforeEach(async () => {
      stream = await jetstream.updateStream({ ...stream.cachedInfo.config, allowDirect });
    });

    it('returns it with subject, time, payload and headers', async () => {
      const given = headers();
      given.append('Trace', 'one');
      given.append('Trace', 'two');
      await jetstream.publish('s.a', { total: 7 }, { headers: given });

      const message = await stream.getMessage(1);

      expect(message).toMatchObject({ stream: streamName, subject: 's.a', sequence: 1 });
      expect(message.json()).toEqual({ total: 7 });
      expect(message.text()).toBe('{"total":7}');
      expect(message.headers?.values('Trace')).toEqual(['one', 'two']);
      expect(message.headers?.keys().filter((name) => name.startsWith('Nats-'))).toEqual([]);
      expect(Math.abs(Date.now() - message.time.getTime())).toBeLessThan(60_000);
    });

    it('returns an empty one, and one without headers', async () => {
      await jetstream.publish('s.a');

      const message = await stream.getMessage(1);

      expect(message.data).toHaveLength(0);
      expect(message.headers).toBeUndefined();
    });

    it('returns bytes unchanged', async () => {
      const data = Uint8Array.from({ length: 256 }, (_, i) => i);
      await jetstream.publish('s.a', data);

      expect([...(await stream.getMessage(1)).data]).toEqual([...data]);
    });

    it('returns the next one of a subject', async () => {
      await connected.publish('s.a', 2);
      await connected.publish('s.b', 1);

      expect((await stream.getMessage(1, { subject: 's.b' })).sequence).toBe(3);
      expect((await stream.getMessage(2, { subject: 's.*' })).sequence).toBe(2);
    });

    it('returns the last one of a subject', async () => {
      await connected.publish('s.a', 2);
      await connected.publish('s.b', 1);

      expect((await stream.getLastMessage('s.a')).sequence).toBe(2);
      expect((await stream.getLastMessage('s.*')).sequence).toBe(3);
    });

    it('fails if there is none', async () => {
      await connected.publish('s.a', 1);

      await expect(stream.getMessage(2)).rejects.toThrow(MessageNotFoundError);
      await expect(stream.getMessage(2)).rejects.toThrow(
        `Stream "${streamName}" has no message for sequence 2: `,
      );
      await expect(stream.getMessage(1, { subject: 's.b' })).rejects.toThrow('"s.b" from sequence 1 on');
      await expect(stream.getLastMessage('s.b')).rejects.toThrow(MessageNotFoundError);
    });

    it('rejects invalid arguments before anything is sent', async () => {
      await expect(stream.getMessage(0)).rejects.toThrow(InvalidArgumentError);
      await expect(stream.getMessage(1.5)).rejects.toThrow(InvalidArgumentError);
      await expect(stream.getMessage(1, { subject: '' })).rejects.toThrow(InvalidSubjectError);
      await expect(stream.getLastMessage('')).rejects.toThrow(InvalidSubjectError);
    });
  });

  // nats-server 2.9 remains subscribed to direct gets without responding to them.
  it.skipIf(version === '2.9')('reads from the leader if direct access was disabled meanwhile', async () => {
    const direct = await jetstream.updateStream({ ...stream.cachedInfo.config, allowDirect: true });
    await connected.publish('s.a', 1);
    await jetstream.updateStream({ ...stream.cachedInfo.config, allowDirect: false });

    expect((await direct.getMessage(1)).sequence).toBe(1);
  });

  it('deletes messages, and rejects if they do not exist', async () => {
    await connected.publish('s.a', 3);

    await stream.deleteMessage(1);
    await stream.secureDeleteMessage(2);

    await expect(stream.getMessage(1)).rejects.toThrow(MessageNotFoundError);
    await expect(stream.getMessage(2)).rejects.toThrow(MessageNotFoundError);
    await expect(stream.deleteMessage(2)).rejects.toThrow(MessageNotFoundError);
    await expect(stream.deleteMessage(9)).rejects.toThrow('has no message for sequence 9');
    await expect(stream.deleteMessage(-1)).rejects.toThrow(InvalidArgumentError);
    expect((await stream.info()).state.messages).toBe(1);
  });

  describe('reading several messages', () => {
    beforeEach(async () => {
      stream = await jetstream.updateStream({ ...stream.cachedInfo.config, allowDirect: true });
    });

    it.skipIf(version === '2.15')('is rejected before nats-server 2.11', async () => {
      const refusal = { feature: 'Batch direct get', required: '2.11.0', actual: server.version };
      const first = collect(stream.getMessages({ startSequence: 1 }));
      await expect(first).rejects.toThrow(UnsupportedServerFeatureError);
      await expect(first).rejects.toMatchObject(refusal);
      await expect(collect(stream.getLastMessages('>'))).rejects.toMatchObject(refusal);
    });

    describe.runIf(version === '2.15')('from nats-server 2.11 on', () => {
      it('reads from a sequence to the end, over all pages', async () => {
        for (let i = 1; i < 2_500; i++) connected.nc.publish('s.a', String(i));
        await jetstream.publish('s.a', '2500');
        await stream.deleteMessage(1_000);

        const messages = await collect(stream.getMessages({ startSequence: 2 }));

        expect(messages).toHaveLength(2_498);
        expect(messages.every((message) => message.text() === String(message.sequence))).toBe(true);
        expect(messages.at(-1)?.sequence).toBe(2_500);
      });

      it('reads at most the requested number, and only of the subject', async () => {
        await connected.publish('s.a', 4);
        await connected.publish('s.b', 4);

        expect(sequences(await collect(stream.getMessages({ startSequence: 2, batch: 2 })))).toEqual([2, 3]);
        expect(sequences(await collect(stream.getMessages({ startSequence: 2, subject: 's.b' })))).toEqual([
          5, 6, 7, 8,
        ]);
        expect(await collect(stream.getMessages({ startSequence: 9 }))).toEqual([]);
        expect(sequences(await collect(stream.getMessages({ startSequence: 8, batch: 1 })))).toEqual([8]);
      });

      it('reads from a time on', async () => {
        await connected.publish('s.a', 2);
        const { time } = await stream.getMessage(2);
        await new Promise((resolve) => setTimeout(resolve, 5));
        await connected.publish('s.a', 1);

        const messages = await collect(stream.getMessages({ startTime: new Date(time.getTime() + 2) }));
        expect(sequences(messages)).toEqual([3]);
      });

      it('requests the next page only after the last one is read', async () => {
        for (let i = 1; i < 1_500; i++) connected.nc.publish('s.a');
        await jetstream.publish('s.a');
        const before = connected.nc.stats().inMsgs;

        for await (const _ of stream.getMessages({ startSequence: 1 })) break;

        expect(connected.nc.stats().inMsgs - before).toBeLessThan(1_100);
      });

      it('returns the last message of each subject', async () => {
        await connected.publish('s.a', 2);
        await connected.publish('s.b', 1);
        await connected.publish('s.c', 1);
        await connected.publish('s.a', 1);

        expect(sequences(await collect(stream.getLastMessages('s.*')))).toEqual([3, 4, 5]);
        expect(sequences(await collect(stream.getLastMessages(['s.a', 's.c'])))).toEqual([4, 5]);
        expect(sequences(await collect(stream.getLastMessages('s.*', { upToSequence: 4 })))).toEqual([
          2, 3, 4,
        ]);
        expect(sequences(await collect(stream.getLastMessages('s.*', { batch: 1 })))).toEqual([3]);
        expect(await collect(stream.getLastMessages('t.x'))).toEqual([]);
        const { time } = await stream.getMessage(5);
        const upToTime = new Date(time.getTime() + 1_000);
        expect(sequences(await collect(stream.getLastMessages('s.a', { upToTime })))).toEqual([5]);
      });

      it('passes on the error that too many subjects match', async () => {
        for (let i = 1; i < 1_100; i++) connected.nc.publish(`s.${i}`);
        await jetstream.publish('s.last');

        await expect(collect(stream.getLastMessages('s.*'))).rejects.toMatchObject({
          name: 'JetStreamApiError',
          status: 413,
        });
      });

      it('requires direct access', async () => {
        stream = await jetstream.updateStream({ ...stream.cachedInfo.config, allowDirect: false });

        await expect(collect(stream.getMessages({ startSequence: 1 }))).rejects.toThrow(
          DirectAccessDisabledError,
        );
      });

      it.each([
        ['half a sequence', () => stream.getMessages({ startSequence: 1.5 })],
        ['an empty batch', () => stream.getMessages({ startSequence: 1, batch: 0 })],
        ['an invalid time', () => stream.getMessages({ startTime: new Date('x') })],
        ['an invalid end', () => stream.getLastMessages('>', { upToTime: new Date('x') })],
        ['no subject', () => stream.getLastMessages([])],
        // @ts-expect-error the types exclude it too
        ['two ends', () => stream.getLastMessages('>', { upToSequence: 1, upToTime: new Date() })],
      ])('rejects %s', async (_, read) => {
        await expect(collect(read())).rejects.toThrow(InvalidArgumentError);
      });
    });
  });
});

function sequences(messages: readonly { readonly sequence: number }[]): number[] {
  return messages.map(({ sequence }) => sequence);
}
