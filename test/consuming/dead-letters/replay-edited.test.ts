import { headers as createHeaders } from '@nats-io/transport-node';
import {
  DeadLetterNotFoundError,
  DeadLetters,
  type EditedMessage,
  getDeadLettersToken,
  InvalidArgumentError,
  JetStreamService,
  PayloadTooLargeError,
  REPLAY_HEADER,
  ReplayRefusedError,
  type StoredMessage,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../../support/application.js';
import { all } from './all.js';
import { storeLetters, type StoredLetter } from './stored-letters.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe.each(['2.15', '2.9'])('replayEdited on nats-server %s', (version) => {
  let server: NatsTestServer;
  let application: TestApplication;
  let jetstream: JetStreamService;
  let letters: DeadLetters;

  beforeAll(async () => {
    server = await NatsTestServer.start({ version });
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    application = await startApplication(server.url, {
      feature: { streams: [{ name: 'ORDERS', subjects: ['orders.>'], storage: 'memory' }] },
    });
    jetstream = application.app.get(JetStreamService);
    letters = application.app.get<DeadLetters>(getDeadLettersToken());
  });
  afterEach(async () => {
    await jetstream.deleteStream('ORDERS');
    await jetstream.deleteStream('DEAD_LETTERS');
    await application[Symbol.asyncDispose]();
  });

  const store = (letter: StoredLetter = {}): Promise<void> => storeLetters(jetstream, 1, () => letter);
  const only = async (): Promise<StoredMessage> => {
    const stream = await jetstream.stream('ORDERS');
    expect((await stream.info()).state.messages).toBe(1);
    return stream.getLastMessage('orders.>');
  };

  it('publishes the changed message once, and drops the dead letter', async () => {
    await store({ headers: { Tenant: 'a', 'Dead-Letter-Nats-Msg-Id': 'x' } });
    const [letter] = await all(letters.list());
    const ack = await letters.replayEdited(letter?.sequence ?? 0, { data: bytes('{"fixed":true}') });
    const { data, headers, sequence } = await only();
    expect(ack).toMatchObject({ stream: 'ORDERS', sequence });
    expect(new TextDecoder().decode(data)).toBe('{"fixed":true}');
    expect(headers?.get('Tenant')).toBe('a');
    expect(headers?.get(REPLAY_HEADER)).toBe(String(letter?.sequence));
    expect(await all(letters.list())).toEqual([]);
    await expect(letters.replayEdited(letter?.sequence ?? 0, { data: bytes('x') })).rejects.toThrow(
      DeadLetterNotFoundError,
    );
  });

  it('replaces all headers, if some are given', async () => {
    await store({ headers: { Tenant: 'a' } });
    const headers = createHeaders();
    headers.append('Region', 'eu');
    headers.append('Region', 'us');
    const [letter] = await all(letters.list());
    await letters.replayEdited(letter?.sequence ?? 0, { data: bytes(''), headers });
    const stored = await only();
    expect(stored.headers?.values('Region')).toEqual(['eu', 'us']);
    expect(stored.headers?.has('Tenant')).toBe(false);
    expect(headers.keys()).toEqual(['Region']);
  });

  it('publishes the same change once in the duplicates window, and another change again', async () => {
    const ids: string[] = [];
    for (const text of ['a', 'a', 'b']) {
      await store();
      const [letter] = await all(letters.list());
      await letters.replayEdited(letter?.sequence ?? 0, { data: bytes(text) });
      const stream = await jetstream.stream('ORDERS');
      ids.push((await stream.getLastMessage('orders.>')).headers?.get('Nats-Msg-Id') ?? '');
    }
    // The letters differ, and so do their ids; the part for the content is equal for equal content.
    const content = ids.map((id) => id.split('.').at(-1));
    expect(new Set(ids).size).toBe(3);
    expect(content[0]).toBe(content[1]);
    expect(content[2]).not.toBe(content[0]);
  });

  it.each<[string, () => EditedMessage]>([
    ['text instead of bytes', () => ({ data: 'text' as unknown as Uint8Array })],
    ['nothing', () => undefined as unknown as EditedMessage],
    ['an unknown option', () => ({ data: bytes('x'), payload: 1 }) as EditedMessage],
    [
      'an instruction to the server',
      () => {
        const headers = createHeaders();
        headers.set('Nats-Rollup', 'all');
        return { data: bytes('x'), headers };
      },
    ],
    [
      'an instruction in lower case',
      () => {
        const headers = createHeaders();
        headers.set('nats-expected-stream', 'OTHER');
        return { data: bytes('x'), headers };
      },
    ],
  ])('refuses %s before anything is sent', async (_, edited) => {
    await store();
    await expect(letters.replayEdited(1, edited())).rejects.toThrow(InvalidArgumentError);
    expect(await all(letters.list())).toHaveLength(1);
    expect((await (await jetstream.stream('ORDERS')).info()).state.messages).toBe(0);
  });

  it('keeps the dead letter if the message cannot be published', async () => {
    await store();
    await expect(letters.replayEdited(1, { data: new Uint8Array(2_000_000) })).rejects.toThrow(
      PayloadTooLargeError,
    );
    expect(await all(letters.list())).toHaveLength(1);
  });

  it.each(['$JS.API.STREAM.DELETE.ORDERS', 'orders.*', '$KV.x.y'])(
    'refuses the subject %s',
    async (subject) => {
      await store({ subject });
      await expect(letters.replayEdited(1, { data: bytes('x') })).rejects.toThrow(ReplayRefusedError);
      expect(await all(letters.list())).toHaveLength(1);
    },
  );
});
