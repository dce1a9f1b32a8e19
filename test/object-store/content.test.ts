import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { headers } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  InvalidArgumentError,
  InvalidObjectNameError,
  LinkNotAllowedError,
  ObjectDeletedError,
  ObjectNotFoundError,
  ObjectRevisionMismatchError,
  StreamFullError,
} from '../../lib/errors/index.js';
import type { ObjectInfo, ObjectStore } from '../../lib/object-store/index.js';
import { NatsTestServer } from '../../lib/testing/index.js';
import { collect, ObjectStores } from './object-stores.js';

const KIB = 1_024;

describe.each(['2.15', '2.10', '2.9'])('the content of objects on nats-server %s', (version) => {
  let server: NatsTestServer;
  let stores: ObjectStores;
  let store: ObjectStore;

  beforeAll(async () => {
    server = await NatsTestServer.start({ version });
    stores = await ObjectStores.connect(server.url);
    store = await stores.service.create({ bucket: 'B', storage: 'memory' });
  });
  afterAll(async () => {
    await stores[Symbol.asyncDispose]();
    await server.stop();
  });

  it('puts bytes and reads them', async () => {
    const data = randomBytes(300 * KIB);
    const before = Date.now();
    const info = await store.putBytes('bytes', data);
    const { nuid, modTime, revision } = info;
    expect(info).toEqual({
      name: 'bytes',
      description: '',
      headers: {},
      metadata: {},
      chunkSize: 128 * KIB,
      link: undefined,
      bucket: 'B',
      nuid,
      size: 300 * KIB,
      chunks: 3,
      digest: `SHA-256=${digestOf(data)}`,
      deleted: false,
      modTime,
      revision,
    });
    expect(nuid).toMatch(/^[0-9A-Za-z]{22}$/);
    expect(revision).toBeGreaterThan(0);
    expect(modTime.getTime()).toBeGreaterThanOrEqual(before);
    expect((await store.getBytes('bytes')).equals(data)).toBe(true);
    const stored = await store.info('bytes');
    expect({ ...stored, modTime }).toEqual(info);
    expect(Math.abs(stored.modTime.getTime() - Date.now())).toBeLessThan(10_000);
  });

  it('puts text as UTF-8 and reads it', async () => {
    const info = await store.putString('text', 'Zürich 🚀');
    expect(info.size).toBe(12);
    expect(await store.getString('text')).toBe('Zürich 🚀');
  });

  it('puts an empty object', async () => {
    const info = await store.putBytes('empty', new Uint8Array(0));
    expect(info).toMatchObject({ size: 0, chunks: 0, digest: `SHA-256=${digestOf(Buffer.alloc(0))}` });
    expect(await store.getBytes('empty')).toHaveLength(0);
    expect(await collect(await store.get('empty'))).toEqual([]);
  });

  it.each([1, 1_000, 128 * KIB - 1, 128 * KIB, 128 * KIB + 1, 1_000_000])(
    'puts from a Readable with chunks of %i bytes',
    async (size) => {
      const data = randomBytes(size < 1_000 ? 5_000 : 1_000_003);
      const info = await store.put('pieces', Readable.from(pieces(data, size)));
      expect(info).toMatchObject({
        size: data.length,
        chunks: Math.ceil(data.length / (128 * KIB)),
        digest: `SHA-256=${digestOf(data)}`,
      });
      expect((await store.getBytes('pieces')).equals(data)).toBe(true);
    },
  );

  it('puts from a web stream, an async generator and a stream of text', async () => {
    await store.put('web', new Blob(['from ', 'a blob']).stream());
    expect(await store.getString('web')).toBe('from a blob');
    async function* generate(): AsyncGenerator<Uint8Array | string> {
      yield Buffer.from('generated ');
      yield 'and ünicode';
    }
    await store.put('generated', generate());
    expect(await store.getString('generated')).toBe('generated and ünicode');
    await store.put('text', Readable.from(['a', 'b', 'ç'], { objectMode: true }));
    expect(await store.getString('text')).toBe('abç');
  });

  it('stores description, headers, metadata and chunk size', async () => {
    const hdrs = headers();
    hdrs.append('Content-Type', 'text/plain');
    hdrs.append('Tag', 'a');
    hdrs.append('Tag', 'b');
    await store.putString(
      { name: 'described', description: 'words', headers: hdrs, metadata: { owner: 'sue' }, chunkSize: 4 },
      'ten bytes!',
    );
    expect(await store.info('described')).toMatchObject({
      description: 'words',
      headers: { 'Content-Type': ['text/plain'], Tag: ['a', 'b'] },
      metadata: { owner: 'sue' },
      chunkSize: 4,
      chunks: 3,
    });
    expect(await store.getString('described')).toBe('ten bytes!');
    await store.putString({ name: 'described', headers: { A: 'x', B: ['y', 'z'] } }, '');
    expect((await store.info('described')).headers).toEqual({ A: ['x'], B: ['y', 'z'] });
  });

  it('limits chunks to the size that the server accepts', async () => {
    const data = randomBytes(3_000_000);
    const info = await store.putBytes({ name: 'large chunks', chunkSize: 2_000_000 }, data);
    expect(info.chunkSize).toBeLessThan(1_048_576);
    expect((await store.getBytes('large chunks')).equals(data)).toBe(true);
  });

  it('streams an object in order, with its description', async () => {
    const data = randomBytes(3_000_000);
    await store.putBytes({ name: 'streamed', chunkSize: 64 * KIB }, data);
    const content = await store.get('streamed');
    expect(content).toBeInstanceOf(Readable);
    expect(content.info).toMatchObject({ name: 'streamed', size: 3_000_000 });
    const received = await collect<Buffer>(content);
    expect(received.map(({ length }) => length)).toEqual([
      ...Array<number>(45).fill(64 * KIB),
      3_000_000 - 45 * 64 * KIB,
    ]);
    expect(Buffer.concat(received).equals(data)).toBe(true);
  });

  it('overwrites an object and removes the chunks of the old one', async () => {
    const before = await stores.messages('B', 'C');
    await store.putBytes('overwritten', randomBytes(500 * KIB));
    const first = await store.info('overwritten');
    await store.putString('overwritten', 'short');
    const second = await store.info('overwritten');
    expect(second.revision).toBeGreaterThan(first.revision);
    expect(second.nuid).not.toBe(first.nuid);
    expect(await store.getString('overwritten')).toBe('short');
    expect(await stores.messages('B', 'C')).toBe(before + 1);
  });

  it('keeps the old object readable until the new one is complete', async () => {
    await store.putString('kept', 'old');
    const texts: string[] = [];
    async function* source(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(500 * KIB, 'n');
      texts.push(await store.getString('kept'));
      yield Buffer.from('ew');
      texts.push(await store.getString('kept'));
    }
    await store.put('kept', source());
    expect(texts).toEqual(['old', 'old']);
    expect((await store.info('kept')).size).toBe(500 * KIB + 2);
  });

  it('puts many objects of one name concurrently and keeps the chunks of only one', async () => {
    const before = await stores.messages('B', 'C');
    await Promise.all(Array.from({ length: 20 }, (_, i) => store.putString('contended', `writer ${i}`)));
    expect(await store.getString('contended')).toMatch(/^writer \d+$/);
    expect(await stores.messages('B', 'C')).toBe(before + 1);
  });

  it('puts only at the revision that the caller expects', async () => {
    const first = await store.putString('guarded', 'one', { previousRevision: 0 });
    const conflict = store.putString('guarded', 'two', { previousRevision: 0 });
    await expect(conflict).rejects.toThrow(ObjectRevisionMismatchError);
    await expect(conflict).rejects.toMatchObject({ expected: 0, actual: first.revision, object: 'guarded' });
    await store.putString('guarded', 'two', { previousRevision: first.revision });
    expect(await store.getString('guarded')).toBe('two');
    await store.delete('guarded');
    await store.putString('guarded', 'three', { previousRevision: 0 });
  });

  it('does not overwrite an object that was written while the content was sent', async () => {
    const first = await store.putString('raced', 'one');
    const before = await stores.messages('B', 'C');
    async function* source(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(500 * KIB);
      await store.putString('raced', 'two');
    }
    await expect(store.put('raced', source(), { previousRevision: first.revision })).rejects.toThrow(
      ObjectRevisionMismatchError,
    );
    expect(await store.getString('raced')).toBe('two');
    expect(await stores.messages('B', 'C')).toBe(before);
  });

  it.each(['a/b/c.txt', 'with space', 'dots.and.*.>', 'ünïcödé 🚀', ' ', '..', 'a\nb', 'x'.repeat(2_048)])(
    'accepts the name %j',
    async (name) => {
      await store.putString(name, name);
      expect(await store.getString(name)).toBe(name);
      expect((await store.info(name)).name).toBe(name);
      const message = await stores.jsm.streams.getMessage('OBJ_B', {
        last_by_subj: `$O.B.M.${goEncoding(name)}`,
      });
      expect(message?.json()).toMatchObject({ name });
      await store.delete(name);
    },
  );

  it.each(['', 'lone \ud800 surrogate', 'x'.repeat(2_049), 'é'.repeat(1_025)])(
    'rejects the name %j before anything is sent',
    async (name) => {
      const { lastSequence } = (await store.status()).streamInfo.state;
      for (const attempt of [
        store.putString(name, ''),
        store.get(name),
        store.info(name),
        store.delete(name),
        store.updateMeta(name, {}),
      ]) {
        await expect(attempt).rejects.toThrow(InvalidObjectNameError);
      }
      expect((await store.status()).streamInfo.state.lastSequence).toBe(lastSequence);
    },
  );

  it('rejects invalid options before anything is sent', async () => {
    const { lastSequence } = (await store.status()).streamInfo.state;
    for (const attempt of [
      store.putString({ name: 'bad', chunkSize: 0 }, ''),
      store.putString({ name: 'bad', chunkSize: -1 }, ''),
      store.putString({ name: 'bad', chunkSize: 1.5 }, ''),
      store.putString('bad', '', { timeout: 0 }),
      store.putString('bad', '', { stallTimeout: Number.NaN }),
      store.putString({ name: 'bad', metadata: { n: 1 as unknown as string } }, 'text'),
      store.putString('bad', 7 as unknown as string),
      store.putBytes('bad', 'text' as unknown as Uint8Array),
      store.put('bad', 'text' as unknown as Readable),
      store.put('bad', Readable.from([{}])),
      store.get('bad', { stallTimeout: 0 }),
    ]) {
      await expect(attempt).rejects.toThrow(InvalidArgumentError);
    }
    expect((await store.status()).streamInfo.state.lastSequence).toBe(lastSequence);
  });

  it('rejects putting a link', async () => {
    const meta: ObjectInfo = await store.addLink('a link', await store.putString('its target', ''));
    await expect(store.putString(meta, '')).rejects.toThrow(LinkNotAllowedError);
  });

  it('reports that an object does not exist or was deleted', async () => {
    await expect(store.get('never')).rejects.toThrow(ObjectNotFoundError);
    await expect(store.getBytes('never')).rejects.toMatchObject({ bucket: 'B', object: 'never' });
    await store.putString('once', 'text');
    await store.delete('once');
    await expect(store.get('once')).rejects.toThrow(ObjectDeletedError);
    await expect(store.getString('once')).rejects.toThrow(ObjectNotFoundError);
    const content = await store.get('once', { showDeleted: true });
    expect(content.info.deleted).toBe(true);
    expect(await collect(content)).toEqual([]);
    expect(await store.getString('once', { showDeleted: true })).toBe('');
  });

  it('leaves no chunk of an object that does not fit into the bucket', async () => {
    const small = await stores.service.create({ bucket: 'small', storage: 'memory', maxBytes: 700_000 });
    await small.putString('first', 'fits');
    const refusal = small.putBytes('second', randomBytes(1_000_000));
    await expect(refusal).rejects.toThrow(StreamFullError);
    await expect(refusal).rejects.toThrow(
      'Object "second" does not fit into bucket "small": delete objects, or raise maxBytes of the bucket.',
    );
    expect(await stores.messages('small', 'C')).toBe(1);
    expect(await small.getString('first')).toBe('fits');
  });
});

function digestOf(data: Uint8Array): string {
  return goEncoding(createHash('sha256').update(data).digest());
}

/** Like Go's `base64.URLEncoding`: padded. */
function goEncoding(data: string | Uint8Array): string {
  return Buffer.from(data as Uint8Array)
    .toString('base64')
    .replaceAll('+', '-')
    .replaceAll('/', '_');
}

function* pieces(data: Buffer, size: number): Generator<Buffer> {
  for (let offset = 0; offset < data.length; offset += size) yield data.subarray(offset, offset + size);
}
