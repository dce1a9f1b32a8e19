import { Logger } from '@nestjs/common';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  InvalidObjectInfoError,
  JetStreamError,
  LinkLoopError,
  ObjectCorruptError,
} from '../../lib/errors/index.js';
import type { ObjectStore } from '../../lib/object-store/index.js';
import { NatsTestServer } from '../../lib/testing/index.js';
import { collect, ObjectStores } from './object-stores.js';

const DIGEST = `SHA-256=${'A'.repeat(43)}=`;
const VALID = { name: 'evil', bucket: 'B', nuid: 'ID', size: 3, chunks: 1, digest: DIGEST };
const SUBJECT = `$O.B.M.${Buffer.from('evil').toString('base64')}`;

describe('a stored description that another client wrote', () => {
  let server: NatsTestServer;
  let stores: ObjectStores;
  let store: ObjectStore;

  beforeAll(async () => {
    Logger.overrideLogger(false);
    server = await NatsTestServer.start();
    stores = await ObjectStores.connect(server.url);
  });
  afterAll(async () => {
    await stores[Symbol.asyncDispose]();
    await server.stop();
  });
  beforeEach(async () => {
    await stores.service.delete('B').catch(() => undefined);
    store = await stores.service.create({ bucket: 'B', storage: 'memory' });
    await store.putString('good', 'good content');
  });

  const describeEvil = (description: unknown): Promise<unknown> =>
    stores.jetstream.publish(
      SUBJECT,
      typeof description === 'string' ? description : JSON.stringify(description),
    );

  const BAD: readonly (readonly [string, unknown])[] = [
    ...['>', '*', 'a.>', 'a.b', '*.>', ' ', 'a b', '\n', 'ü', 'x'.repeat(5_000)].map(
      (nuid) => [`the id ${JSON.stringify(nuid.slice(0, 9))}`, { ...VALID, nuid }] as const,
    ),
    ['no id', { ...VALID, nuid: '' }],
    ['an id that is a number', { ...VALID, nuid: 7 }],
    ['an id that is a list', { ...VALID, nuid: ['>'] }],
    ...[-1, 1.5, 1e300, '3', true, [3], {}].map(
      (size) => [`the size ${JSON.stringify(size)}`, { ...VALID, size }] as const,
    ),
    ...[-1, 0, 0.5, 1e300, '1', [1]].map(
      (chunks) => [`the chunks ${JSON.stringify(chunks)}`, { ...VALID, chunks }] as const,
    ),
    ['more chunks than bytes', { ...VALID, chunks: 4 }],
    ['more bytes than the chunks can hold', { ...VALID, size: 1e12 }],
    ['a digest that is a number', { ...VALID, digest: 5 }],
    ['another name', { ...VALID, name: 'good' }],
    ['an empty name', { ...VALID, name: '' }],
    ['a name that is an object', { ...VALID, name: {} }],
    ['headers that are text', { ...VALID, headers: 'h' }],
    ['headers of numbers', { ...VALID, headers: { a: [1] } }],
    ['metadata of objects', { ...VALID, metadata: { a: {} } }],
    ['a description that is a list', { ...VALID, description: [] }],
    ['deleted that is text', { ...VALID, deleted: 'no' }],
    ['options that are a number', { ...VALID, options: 1 }],
    ['a negative chunk size', { ...VALID, options: { max_chunk_size: -1 } }],
    ['a link that is text', { ...VALID, options: { link: 'good' } }],
    ['a link to no bucket', { ...VALID, options: { link: { name: 'good' } } }],
    ['a link to a bucket with wildcards', { ...VALID, options: { link: { bucket: '>', name: 'good' } } }],
    ['a link to a number', { ...VALID, options: { link: { bucket: 'B', name: 5 } } }],
    ['a list', []],
    ['null', 'null'],
    ['text', '"text"'],
    ['no JSON', '{"name":"evil"'],
    ['NaN', '{"name":"evil","size":NaN}'],
    ['nothing', ''],
  ];

  it.each(BAD)(
    'with %s is a typed error, does not affect other objects, and can be replaced',
    async (_, description) => {
      await describeEvil(description);
      const good = await store.info('good');
      const outcomes = await Promise.allSettled([
        store.info('evil'),
        store.get('evil'),
        store.getBytes('evil'),
        store.delete('evil'),
        store.updateMeta('evil', { description: 'new' }),
        store.addLink('evil', good),
      ]);
      expect(outcomes.map(kindOf)).toEqual(Array(6).fill(InvalidObjectInfoError));
      expect((await collect(store.list())).map(({ name }) => name)).toEqual(['good']);
      expect(await store.getString('good')).toBe('good content');
      await store.putString('evil', 'fine now');
      expect(await store.getString('evil')).toBe('fine now');
      await store.delete('evil');
      expect(await store.getString('good')).toBe('good content');
      expect(await stores.messages('B', 'C')).toBe(1);
    },
  );

  it.each([
    ['sizes of null', { ...VALID, size: null, chunks: null, options: null, headers: null, metadata: null }],
    ['header values of null', { ...VALID, size: 0, chunks: 0, headers: { A: null } }],
    ['fields of newer clients', { ...VALID, size: 0, chunks: 0, tier: { cold: true } }],
  ])('with %s can be read', async (_, description) => {
    await describeEvil(description);
    expect(await store.info('evil')).toMatchObject({ name: 'evil', size: 0 });
  });

  it.each([
    ['a digest of another kind', { ...VALID, digest: 'MD5=abc' }],
    ['no digest', { ...VALID, digest: undefined }],
    ['chunks that do not exist', { ...VALID, size: 2 ** 32, chunks: 100 }],
    ['a size that no buffer has', { ...VALID, size: 2 ** 52, chunks: 2 ** 40 }],
    ['a link to itself', { ...VALID, options: { link: { bucket: 'B', name: 'evil' } } }],
    ['a link to nothing', { ...VALID, options: { link: { bucket: 'B', name: 'none' } } }],
    [
      'a link to another bucket that does not exist',
      { ...VALID, options: { link: { bucket: 'X', name: 'a' } } },
    ],
    ['a link to a bucket', { ...VALID, options: { link: { bucket: 'B' } } }],
  ])('with %s is a typed error when it is read, without delay', async (_, description) => {
    await describeEvil(description);
    for (const read of [
      () => store.getBytes('evil'),
      () => store.get('evil'),
      () => store.getString('evil'),
    ]) {
      await expect(read()).rejects.toThrow(JetStreamError);
    }
    await store.delete('evil');
    expect(await store.getString('good')).toBe('good content');
  });

  it('with more content than its size is a typed error', async () => {
    await describeEvil(VALID);
    await stores.jetstream.publish('$O.B.C.ID', Buffer.alloc(1_000));
    await expect(store.getBytes('evil')).rejects.toThrow(ObjectCorruptError);
    await expect(store.get('evil').then(collect)).rejects.toThrow(ObjectCorruptError);
  });

  it('that is a circular link is a typed error', async () => {
    const link = (from: string, to: string): Promise<unknown> =>
      stores.jetstream.publish(
        `$O.B.M.${Buffer.from(from).toString('base64')}`,
        JSON.stringify({ name: from, options: { link: { bucket: 'B', name: to } } }),
      );
    await link('one', 'two');
    await link('two', 'one');
    await expect(store.get('one')).rejects.toThrow(LinkLoopError);
  });
});

function kindOf(outcome: PromiseSettledResult<unknown>): unknown {
  return outcome.status === 'rejected' ? (outcome.reason as Error).constructor : outcome.value;
}
