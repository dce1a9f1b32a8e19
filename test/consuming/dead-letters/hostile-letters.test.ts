import { Buffer } from 'node:buffer';
import { headers, type NatsConnection } from '@nats-io/transport-node';
import {
  DEAD_LETTER_HEADERS,
  DeadLetterNotFoundError,
  DeadLetters,
  getNatsConnectionToken,
  JetStreamService,
  ReplayRefusedError,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RawPublisher } from '../../connection/raw-publisher.js';
import { HOSTILE_BLOCKS } from '../../jetstream/streams/hostile-headers.js';
import { eventually } from '../../support/eventually.js';
import { all } from './all.js';
import { startFailing, type FailingApplication } from './failing-application.js';

/** Any client with permission to publish to `dead-letters.>` can write a dead letter, with any headers. */
describe('dead letters whose content cannot be trusted', () => {
  let server: NatsTestServer;
  let application: FailingApplication;
  let nc: NatsConnection;
  let letters: DeadLetters;

  beforeAll(async () => {
    server = await NatsTestServer.start();
    application = await startFailing(server.url, {
      stream: { name: 'TASKS', subjects: ['tasks.>'] },
      handle: () => {
        throw new Error('no');
      },
    });
    nc = application.app.get(getNatsConnectionToken());
    letters = application.deadLetters;
  });
  afterAll(async () => {
    await application[Symbol.asyncDispose]();
    await server.stop();
  });

  /** Stores a message in the dead-letter stream as a peer could. */
  async function forge(details: Partial<Record<keyof typeof DEAD_LETTER_HEADERS, string>>): Promise<number> {
    const forged = headers();
    const given = { stream: 'TASKS', consumer: 'worker', subject: 'tasks.a', sequence: '1', ...details };
    for (const [detail, value] of Object.entries(given))
      forged.set(DEAD_LETTER_HEADERS[detail as keyof typeof DEAD_LETTER_HEADERS], value);
    const { sequence } = await application.app
      .get(JetStreamService)
      .publish('dead-letters.TASKS.worker', '"forged"', { headers: Object.fromEntries(forged) });
    return sequence;
  }

  it.each([
    ['the JetStream API', '$JS.API.STREAM.DELETE.TASKS'],
    ['an acknowledgement', '$JS.ACK.TASKS.worker.1.1.1.1.1'],
    ['the system account', '$SYS.REQ.SERVER.PING'],
    ['a bucket', '$KV.config.key'],
    ['a wildcard', 'tasks.*'],
    ['everything', '>'],
    ['no subject', ''],
    ['an empty token', 'tasks..a'],
    ['blanks', 'tasks.a b'],
    ['more than a line of the protocol allows', `tasks.${'a'.repeat(5_000)}`],
  ])('are not replayed to %s', async (_, subject) => {
    const sequence = await forge({ subject });
    await expect(letters.replay(sequence)).rejects.toThrow(ReplayRefusedError);
    expect((await letters.get(sequence)).sequence).toBe(sequence);
    await letters.drop(sequence);
  });

  it('are skipped by replayAll, which replays the others', async () => {
    const [bad, good] = [await forge({ subject: '$JS.API.STREAM.DELETE.TASKS' }), await forge({})];
    const { replayed, failed } = await letters.replayAll({});
    expect({ replayed, failed: failed.map(({ letter }) => letter.sequence) }).toEqual({
      replayed: 1,
      failed: [bad],
    });
    await expect(letters.get(good)).rejects.toThrow(DeadLetterNotFoundError);
    await application.settled();
    await letters.dropAll({});
  });

  it.each([
    ['stream', 'TASKS.worker'],
    ['stream', 'a b'],
    ['stream', '>'],
    ['consumer', '*'],
    ['consumer', ''],
    ['sequence', 'abc'],
    ['sequence', '-1'],
    ['sequence', '1e3'],
  ])('with an impossible %s (%s) are ignored', async (detail, value) => {
    const sequence = await forge({ [detail]: value });
    await expect(letters.get(sequence)).rejects.toThrow(DeadLetterNotFoundError);
    expect(await all(letters.list())).toEqual([]);
    await letters.dropAll({});
  });

  it('have valid numbers and times even if their headers have none', async () => {
    const sequence = await forge({
      deliveries: '-5',
      published: 'yesterday',
      handler: '',
      reason: '',
      error: '',
    });
    const letter = await letters.get(sequence);
    expect(letter.deliveries).toBe(0);
    expect(letter.published).toEqual(letter.time);
    expect(JSON.parse(JSON.stringify(letter))).toMatchObject({ deliveries: 0, streamSequence: 1 });
    await letters.drop(sequence);
  });

  it('keep a block of headers that cannot be read or written', async () => {
    await using raw = await RawPublisher.connect(server.url);
    const blocks = {
      readable: 'NATS/1.0\r\nTenant: a\r\n\r\n',
      umlaut: 'NATS/1.0\r\nTenänt: a\r\nOther: b\r\n\r\n',
      unreadable: 'HTTP/1.1 200\r\nTenant: a\r\n\r\n',
    };
    for (const [name, block] of Object.entries(blocks)) await raw.publish(`tasks.${name}`, block, '1');
    const found = await eventually(
      () => all(letters.list({ subject: 'tasks.*' })),
      (kept) => kept.length === 3,
    );
    const of = (name: string): (typeof found)[number] => {
      const letter = found.find(({ subject }) => subject === `tasks.${name}`);
      if (!letter) throw new Error(`no dead letter of ${name}`);
      return letter;
    };
    expect(of('readable').headers?.get('Tenant')).toBe('a');
    expect(of('readable').rawHeaders).toBeUndefined();
    expect(of('umlaut').headers?.get('Other')).toBe('b');
    expect(Buffer.from(of('umlaut').rawHeaders ?? []).toString()).toBe(blocks.umlaut);
    expect(Buffer.from(of('unreadable').rawHeaders ?? []).toString()).toBe(blocks.unreadable);
    expect(nc.isClosed()).toBe(false);
  });

  it.each(Object.entries(HOSTILE_BLOCKS))(
    'are listed, replayed and dropped next to messages with headers %s',
    async (_, block) => {
      await letters.dropAll({});
      await using raw = await RawPublisher.connect(server.url);
      const first = await forge({});
      await raw.publish('dead-letters.TASKS.worker', Buffer.from(block, 'latin1'), '1');
      const last = await forge({ sequence: '2' });
      const sequences = [first, last];
      expect((await all(letters.list())).map(({ sequence }) => sequence)).toEqual(sequences);
      expect((await letters.page()).letters).toHaveLength(2);
      expect((await letters.page({}, { after: first })).letters).toHaveLength(1);
      await expect(letters.get(first + 1)).rejects.toThrow(DeadLetterNotFoundError);
      await letters.drop(first);
      expect((await letters.get(last)).streamSequence).toBe(2);
      expect(await letters.replayAll({})).toEqual({ replayed: 1, failed: [] });
      await application.settled();
      await letters.dropAll({});
    },
  );
});
