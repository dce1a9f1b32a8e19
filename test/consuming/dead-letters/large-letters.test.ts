import { Buffer } from 'node:buffer';
import { headers } from '@nats-io/transport-node';
import {
  DEAD_LETTER_STREAM,
  DeadLetterPayloadGoneError,
  OMITTED_PAYLOAD_HEADER,
  OnDeadLetter,
  TerminateMessage,
  type DeadLetter,
  type DeadLetterContext,
  type StreamConfig,
} from 'nestjs-nats-jetstream';
import { Injectable } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { RawPublisher } from '../../connection/raw-publisher.js';
import { eventually } from '../../support/eventually.js';
import { all } from './all.js';
import { startFailing, type FailingApplication } from './failing-application.js';

const MAX_PAYLOAD = 16_384;

/** A JSON text with that many bytes. */
const large = (bytes: number): string => JSON.stringify('x'.repeat(bytes - 2));

describe.each(['2.15', '2.9'])(
  'a dead letter that does not fit into a message, on nats-server %s',
  (version) => {
    let server: NatsTestServer;
    let application: FailingApplication;
    let fails: boolean;
    const handled: unknown[] = [];
    const stream: StreamConfig = { name: 'LARGE', subjects: ['large.>'] };

    beforeAll(async () => {
      server = await NatsTestServer.start({ version, config: { max_payload: MAX_PAYLOAD } });
    });
    afterAll(() => server.stop());
    afterEach(async () => {
      await application.jetstream.deleteStream('LARGE').catch(() => undefined);
      await application.jetstream.deleteStream(DEAD_LETTER_STREAM).catch(() => undefined);
      await application[Symbol.asyncDispose]();
    });

    async function start(
      config: Partial<StreamConfig> = {},
      options: Partial<Parameters<typeof startFailing>[1]> = {},
    ): Promise<FailingApplication> {
      fails = true;
      handled.length = 0;
      application = await startFailing(server.url, {
        stream: { ...stream, ...config },
        handle: (payload) => {
          if (fails && typeof payload === 'string') throw new TerminateMessage('too much');
          handled.push(payload);
        },
        ...options,
      });
      return application;
    }

    const letters = (): Promise<DeadLetter[]> => all(application.deadLetters.list());

    const letter = async (): Promise<DeadLetter> => {
      const [first] = await eventually(letters, ({ length }) => length === 1);
      return first;
    };

    it.each([0, 1, 100, 400])(
      'is kept without its payload, and its message is terminated: %d bytes below the limit',
      async (below) => {
        const { jetstream, settled, logs, deadLetters } = await start();
        const payload = large(MAX_PAYLOAD - below);
        const { sequence } = await jetstream.publish('large.a', payload);
        await jetstream.publish('large.b', { id: 2 });
        const found = await letter();
        await settled();
        expect(handled).toEqual([{ id: 2 }]);
        expect(found).toMatchObject({
          subject: 'large.a',
          stream: 'LARGE',
          streamSequence: sequence,
          reason: 'too much',
          handler: 'Tasks.onTask',
          omittedPayloadSize: payload.length,
        });
        expect(found.data).toHaveLength(0);
        expect((await deadLetters.get(found.sequence)).omittedPayloadSize).toBe(payload.length);
        expect((await deadLetters.page()).letters).toHaveLength(1);
        expect(JSON.parse(JSON.stringify(found))).toMatchObject({
          omittedPayloadSize: payload.length,
          payload: '',
        });
        expect((await (await jetstream.stream('LARGE')).getMessage(sequence)).text()).toBe(payload);
        expect(logs.of('warn', 'DeadLetters')).toEqual([
          expect.stringMatching(/^Tasks\.onTask: .*sequence 1.*without its payload of \d+ bytes/),
        ]);
        expect(logs.of('error', 'Settlement')).toEqual([]);
      },
    );

    it('is complete if it fits', async () => {
      const { jetstream } = await start();
      const payload = large(MAX_PAYLOAD - 2_000);
      await jetstream.publish('large.a', payload);
      const found = await letter();
      expect(found.omittedPayloadSize).toBeUndefined();
      expect(found.text()).toBe(payload);
    });

    it('is replayed to its handler with the payload of the original', async () => {
      const { jetstream, deadLetters, settled } = await start();
      const payload = large(MAX_PAYLOAD - 40);
      await jetstream.publish('large.a', payload, { headers: { A: 'b' } });
      const { sequence } = await letter();
      await settled();
      fails = false;
      await deadLetters.replay(sequence, { to: 'handler' });
      expect(handled).toEqual([JSON.parse(payload)]);
      expect(await letters()).toEqual([]);
    });

    it.each([0, 60, 400])('is replayed to its subject, %d bytes below the limit', async (below) => {
      const { jetstream, deadLetters, settled } = await start();
      const own = below < 40 ? {} : { headers: { A: 'b' } };
      const payload = large(MAX_PAYLOAD - below);
      await jetstream.publish('large.a', payload, own);
      await letter();
      await settled();
      fails = false;
      expect(await deadLetters.replayAll({})).toEqual({ replayed: 1, failed: [] });
      await eventually(
        () => handled,
        ({ length }) => length === 1,
      );
      expect(handled).toEqual([JSON.parse(payload)]);
      const replayed = await (await jetstream.stream('LARGE')).getLastMessage('large.a');
      expect(replayed.sequence).toBe(2);
      expect(replayed.headers?.get('A') ?? '').toBe(below < 40 ? '' : 'b');
    });

    it.each([
      ['deleted', async () => (await application.jetstream.stream('LARGE')).deleteMessage(1)],
      ['purged', async () => (await application.jetstream.stream('LARGE')).purge()],
      [
        'of a stream that was created again',
        async () => {
          await application.jetstream.deleteStream('LARGE');
          await application.jetstream.createStream(stream);
          await application.jetstream.publish('large.a', '"another"');
        },
      ],
      ['of a stream that was deleted', () => application.jetstream.deleteStream('LARGE')],
    ])('is kept and not replayed if the original is %s', async (_, remove) => {
      const { jetstream, deadLetters, settled } = await start();
      await jetstream.publish('large.a', large(MAX_PAYLOAD));
      const { sequence } = await letter();
      await settled();
      fails = false;
      await remove();
      for (const to of ['subject', 'handler'] as const) {
        await expect(deadLetters.replay(sequence, { to })).rejects.toThrow(DeadLetterPayloadGoneError);
      }
      const { replayed, failed } = await deadLetters.replayAll({});
      expect(replayed).toBe(0);
      expect(failed.map(({ error }) => error.name)).toEqual(['DeadLetterPayloadGoneError']);
      expect(await letters()).toHaveLength(1);
      expect(handled.filter((payload) => payload !== 'another')).toEqual([]);
      await deadLetters.drop(sequence);
    });

    it.each(['workqueue', 'interest'] as const)(
      'leaves its message in a stream that removes terminated messages: %s',
      async (retention) => {
        const { jetstream, deadLetters } = await start({ retention });
        const payload = large(MAX_PAYLOAD);
        await jetstream.publish('large.a', payload);
        await jetstream.publish('large.b', { id: 2 });
        const found = await letter();
        await eventually(
          () => handled,
          ({ length }) => length === 1,
        );
        const source = await jetstream.stream('LARGE');
        expect((await source.getMessage(1)).text()).toBe(payload);
        expect((await source.info()).state.messages).toBe(1);
        fails = false;
        await deadLetters.replay(found, { to: 'handler' });
        expect(handled).toContainEqual(JSON.parse(payload));
      },
    );

    it('keeps as many of the headers as fit', async () => {
      const { jetstream } = await start();
      const own = headers();
      for (let i = 0; i < 173; i++) own.set(`Header-${i}`, 'y'.repeat(80));
      await jetstream.publish('large.a', '"x"', { headers: own });
      const found = await letter();
      expect(found.omittedPayloadSize).toBe(3);
      const kept = found.headers?.keys() ?? [];
      expect(kept.length).toBeGreaterThan(150);
      expect(kept.length).toBeLessThan(173);
      expect(kept).toEqual(own.keys().slice(0, kept.length));
      expect(found.headers?.get('Header-0')).toBe('y'.repeat(80));
    });

    it('is kept if one header takes up nearly the whole message', async () => {
      const { jetstream, deadLetters, settled } = await start();
      await jetstream.publish('large.a', '"x"', { headers: { Long: 'y'.repeat(MAX_PAYLOAD - 40), A: 'b' } });
      const found = await letter();
      await settled();
      expect(found.headers?.has('Long')).toBe(false);
      expect(found.headers?.get('A')).toBe('b');
      fails = false;
      await deadLetters.replay(found, { to: 'subject' });
      const replayed = await (await jetstream.stream('LARGE')).getLastMessage('large.a');
      expect(replayed.headers?.get('Long')).toHaveLength(MAX_PAYLOAD - 40);
    });

    it('is replayed with exactly the headers of the original, even invalid ones', async () => {
      const lines: unknown[] = [];
      const { deadLetters, settled } = await start(
        {},
        {
          handle: (_, { message }) => {
            if (fails) throw new TerminateMessage('too much');
            lines.push(...(message.headers ?? []));
          },
        },
      );
      await using raw = await RawPublisher.connect(server.url);
      const block = 'NATS/1.0\r\nTen\u00e4nt: x\r\nA: 1\r\na: 2\r\nA:3\r\n\r\n';
      await raw.publish('large.a', block, large(MAX_PAYLOAD - Buffer.byteLength(block)));
      const found = await letter();
      expect([...(found.headers ?? [])]).toEqual([
        ['A', ['1', '3']],
        ['a', ['2']],
      ]);
      await settled();
      fails = false;
      await deadLetters.replay(found, { to: 'handler' });
      expect(lines).toEqual([
        ['Ten\u00e4nt', ['x']],
        ['A', ['1', '3']],
        ['a', ['2']],
      ]);
    });

    it('is kept without its payload if the dead-letter stream has a smaller message limit', async () => {
      const { jetstream, deadLetters, settled } = await start();
      const { config } = (await jetstream.stream(DEAD_LETTER_STREAM)).cachedInfo;
      await jetstream.updateStream({ ...config, maxMessageSize: 2_000 });
      await jetstream.publish('large.a', large(4_000), { headers: { A: 'b' } });
      const found = await letter();
      await settled();
      expect(found.omittedPayloadSize).toBe(4_000);
      expect(found.headers?.get('A')).toBe('b');
      fails = false;
      await deadLetters.replay(found, { to: 'handler' });
      expect(handled).toEqual(['x'.repeat(3_998)]);
    });

    it('is kept without its payload for a message that is never settled', async () => {
      const { jetstream } = await start(
        {},
        { handle: () => undefined, options: { ackMode: 'manual', ackWait: 200, retry: { maxDeliver: 1 } } },
      );
      await jetstream.publish('large.a', large(MAX_PAYLOAD));
      expect(await letter()).toMatchObject({ reason: 'never settled', omittedPayloadSize: MAX_PAYLOAD });
    });

    it('is passed to handlers of dead letters, marked as having no payload', async () => {
      const heard: unknown[] = [];
      @Injectable()
      class Alerts {
        @OnDeadLetter()
        on(@Payload() payload: unknown, @Ctx() { deadLetter }: DeadLetterContext): void {
          heard.push([payload, deadLetter.omittedPayloadSize]);
        }
      }
      const { jetstream } = await start({}, { providers: [Alerts] });
      await jetstream.publish('large.a', large(MAX_PAYLOAD));
      await eventually(
        () => heard,
        ({ length }) => length === 1,
      );
      expect(heard).toEqual([[undefined, MAX_PAYLOAD]]);
    });

    it.each(['all', '-1', '1e9', '', ' ', '99999999999999999999999'])(
      'is recognized only by a header with the size of the payload: %j',
      async (size) => {
        const { jetstream, publish } = await start();
        await publish('large.a', 'x');
        const found = await letter();
        await jetstream.publish('dead-letters.LARGE.worker', 'data', {
          headers: {
            'Dead-Letter-Stream': found.stream,
            'Dead-Letter-Consumer': 'worker',
            'Dead-Letter-Subject': 'large.a',
            'Dead-Letter-Sequence': '1',
            [OMITTED_PAYLOAD_HEADER]: size,
          },
        });
        const [, forged] = await letters();
        expect(
          forged.omittedPayloadSize === undefined || Number.isSafeInteger(forged.omittedPayloadSize),
        ).toBe(true);
      },
    );
  },
);
