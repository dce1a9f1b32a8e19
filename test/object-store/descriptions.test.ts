import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  BucketLinkError,
  BucketNotFoundError,
  JetStreamApiError,
  LinkLoopError,
  LinkToDeletedObjectError,
  LinkToLinkError,
  ObjectDeletedError,
  ObjectDescriptionTooLargeError,
  ObjectExistsError,
  ObjectNotFoundError,
  PayloadTooLargeError,
} from '../../lib/errors/index.js';
import type { ObjectStore } from '../../lib/object-store/index.js';
import { NatsTestServer } from '../../lib/testing/index.js';
import { collect, ObjectStores } from './object-stores.js';

describe.each(['2.15', '2.10', '2.9'])('the descriptions of objects on nats-server %s', (version) => {
  let server: NatsTestServer;
  let stores: ObjectStores;
  let store: ObjectStore;
  let other: ObjectStore;

  beforeAll(async () => {
    server = await NatsTestServer.start({ version });
    stores = await ObjectStores.connect(server.url);
  });
  afterAll(async () => {
    await stores[Symbol.asyncDispose]();
    await server.stop();
  });
  beforeEach(async () => {
    for await (const bucket of stores.service.names()) await stores.service.delete(bucket);
    store = await stores.service.create({ bucket: 'A', storage: 'memory' });
    other = await stores.service.create({ bucket: 'B', storage: 'memory' });
  });

  const names = async (options?: { readonly showDeleted?: boolean }): Promise<string[]> =>
    (await collect(store.list(options))).map(({ name }) => name);

  it.each([
    ['its description', { description: 'x'.repeat(2 ** 20) }],
    ['its metadata', { metadata: { a: 'x'.repeat(2 ** 20) } }],
    ['its headers', { headers: { A: 'x'.repeat(2 ** 20) } }],
  ])('are rejected if %s is larger than a message, without advising an object store', async (_, meta) => {
    await store.putString('a', 'text');
    const failures: unknown[] = [];
    for (const call of [
      () => store.putString({ name: 'b', ...meta }, 'text'),
      () => store.updateMeta('a', meta),
    ]) {
      failures.push(await call().catch((error: unknown) => error));
    }
    expect(failures).toEqual([
      expect.any(ObjectDescriptionTooLargeError),
      expect.any(ObjectDescriptionTooLargeError),
    ]);
    expect(failures[0]).toBeInstanceOf(PayloadTooLargeError);
    for (const failure of failures as Error[]) {
      expect(failure.message).toMatch(/^The description of object "[ab]" in bucket "A" has \d+ bytes/);
      expect(failure.message).not.toContain('object store');
    }
    expect((await store.info('a')).description).toBe('');
  });

  describe('info', () => {
    it('returns nothing for an object that was never put or is deleted', async () => {
      await expect(store.info('a')).rejects.toThrow(ObjectNotFoundError);
      const { nuid } = await store.putString({ name: 'a', description: 'words' }, 'text');
      await store.delete('a');
      await expect(store.info('a')).rejects.toThrow(ObjectDeletedError);
      expect(await store.info('a', { showDeleted: true })).toMatchObject({
        name: 'a',
        description: 'words',
        nuid,
        size: 0,
        chunks: 0,
        digest: '',
        deleted: true,
      });
    });
  });

  describe('updateMeta', () => {
    it('changes the given fields and keeps the others', async () => {
      const put = await store.putString(
        { name: 'a', description: 'old', headers: { A: '1' }, metadata: { k: 'v' }, chunkSize: 3 },
        'content',
      );
      const updated = await store.updateMeta('a', { description: 'new', headers: { B: ['2', '3'] } });
      expect(updated).toMatchObject({
        description: 'new',
        headers: { B: ['2', '3'] },
        metadata: { k: 'v' },
        chunkSize: 3,
        nuid: put.nuid,
        digest: put.digest,
        size: 7,
      });
      expect(updated.revision).toBeGreaterThan(put.revision);
      expect({ ...(await store.info('a')), modTime: 0 }).toEqual({ ...updated, modTime: 0 });
      expect(await store.getString('a')).toBe('content');
      expect(await stores.messages('A', 'M')).toBe(1);
    });

    it('renames an object', async () => {
      await store.putString({ name: 'a', description: 'words' }, 'content');
      expect(await store.updateMeta('a', { name: 'dir/b' })).toMatchObject({
        name: 'dir/b',
        description: 'words',
      });
      expect(await store.getString('dir/b')).toBe('content');
      await expect(store.info('a', { showDeleted: true })).rejects.toThrow(ObjectNotFoundError);
      expect(await names()).toEqual(['dir/b']);
    });

    it('does not rename to the name of another object, except a deleted one', async () => {
      await store.putString('a', 'content a');
      await store.putString('b', 'content b');
      await expect(store.updateMeta('a', { name: 'b' })).rejects.toThrow(ObjectExistsError);
      expect(await store.getString('a')).toBe('content a');
      await store.delete('b');
      await store.updateMeta('a', { name: 'b' });
      expect(await store.getString('b')).toBe('content a');
    });

    it('rejects objects that do not exist or are deleted', async () => {
      await expect(store.updateMeta('a', { description: 'x' })).rejects.toThrow(ObjectNotFoundError);
      await expect(store.updateMeta('a', { name: 'b' })).rejects.toThrow(ObjectNotFoundError);
      await store.putString('a', '');
      await store.delete('a');
      await expect(store.updateMeta('a', { description: 'x' })).rejects.toThrow(ObjectDeletedError);
      await expect(store.updateMeta('a', { name: 'b' })).rejects.toThrow(ObjectDeletedError);
    });

    it('changes links too', async () => {
      await store.addLink('link', await store.putString('a', 'content'));
      await store.updateMeta('link', { name: 'renamed', description: 'words' });
      expect(await store.info('renamed')).toMatchObject({ link: { bucket: 'A', name: 'a' } });
      expect(await store.getString('renamed')).toBe('content');
    });

    it('loses no concurrent change', async () => {
      await store.putString('a', '');
      await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          store.updateMeta('a', i % 2 ? { description: `d${i}` } : { metadata: { i: String(i) } }),
        ),
      );
      const info = await store.info('a');
      expect(info.description).toMatch(/^d\d+$/);
      expect(info.metadata.i).toMatch(/^\d+$/);
    });
  });

  describe('delete', () => {
    it('removes the chunks and leaves a marker', async () => {
      await store.putBytes('a', Buffer.alloc(500_000));
      expect(await stores.messages('A', 'C')).toBe(4);
      await store.delete('a');
      expect(await stores.messages('A', 'C')).toBe(0);
      expect(await stores.messages('A', 'M')).toBe(1);
    });

    it('rejects objects that were never put and ignores deleted ones', async () => {
      await expect(store.delete('a')).rejects.toThrow(ObjectNotFoundError);
      await store.putString('a', '');
      await store.delete('a');
      const { revision } = await store.info('a', { showDeleted: true });
      await store.delete('a');
      expect((await store.info('a', { showDeleted: true })).revision).toBe(revision);
    });
  });

  describe('list', () => {
    it('returns nothing for an empty bucket', async () => {
      expect(await names()).toEqual([]);
    });

    it('returns all objects once, deleted ones with showDeleted', async () => {
      await store.putString('a', 'one');
      await store.putString('b', 'two');
      await store.putString('c', 'three');
      await store.putString('a', 'four');
      await store.delete('b');
      expect((await names()).toSorted()).toEqual(['a', 'c']);
      expect((await names({ showDeleted: true })).toSorted()).toEqual(['a', 'b', 'c']);
      const [info] = (await collect(store.list())).filter(({ name }) => name === 'a');
      expect(info).toEqual(await store.info('a'));
    });

    it('returns thousands of objects, and cleans up if it is not read to the end', async () => {
      const source = await store.putString('source', '');
      await Promise.all(Array.from({ length: 3_000 }, (_, i) => store.addLink(`link ${i}`, source)));
      expect((await names()).length).toBe(3_001);
      for await (const info of store.list()) {
        expect(info.bucket).toBe('A');
        break;
      }
      await expect.poll(async () => (await store.status()).streamInfo.state.consumers).toBe(0);
    });
  });

  describe('links', () => {
    it('leads to an object of the same or of another bucket', async () => {
      const here = await store.putString('here', 'content here');
      const there = await other.putString('there', 'content there');
      const link = await store.addLink('to here', here);
      expect(link).toMatchObject({
        name: 'to here',
        bucket: 'A',
        link: { bucket: 'A', name: 'here' },
        size: 0,
      });
      expect(link.nuid).toMatch(/^\w{22}$/);
      await store.addLink('to there', there);
      expect(await store.getString('to here')).toBe('content here');
      const content = await store.get('to there');
      expect(content.info).toMatchObject({ name: 'there', bucket: 'B' });
      expect(Buffer.concat(await collect<Buffer>(content)).toString()).toBe('content there');
      expect((await store.info('to there')).link).toEqual({ bucket: 'B', name: 'there' });
    });

    it('leads to a whole bucket, which has no content', async () => {
      expect((await store.addBucketLink('dir', other)).link).toEqual({ bucket: 'B' });
      expect((await store.info('dir')).link).toEqual({ bucket: 'B' });
      await expect(store.get('dir')).rejects.toThrow(BucketLinkError);
      await expect(store.getBytes('dir')).rejects.toMatchObject({ target: 'B', object: 'dir' });
    });

    it('replaces only links and deleted objects', async () => {
      const a = await store.putString('a', 'content a');
      const b = await store.putString('b', 'content b');
      await expect(store.addLink('b', a)).rejects.toThrow(ObjectExistsError);
      await expect(store.addBucketLink('b', other)).rejects.toThrow(ObjectExistsError);
      await store.addLink('link', a);
      await store.addLink('link', b);
      expect(await store.getString('link')).toBe('content b');
      await store.addBucketLink('link', other);
      await store.addLink('link', b);
      await store.delete('a');
      await store.addLink('a', b);
      expect(await store.getString('a')).toBe('content b');
    });

    it('does not lead to links or deleted objects', async () => {
      const a = await store.putString('a', '');
      await expect(store.addLink('second', await store.addLink('first', a))).rejects.toThrow(LinkToLinkError);
      await store.delete('a');
      const deleted = await store.info('a', { showDeleted: true });
      await expect(store.addLink('link', deleted)).rejects.toThrow(LinkToDeletedObjectError);
    });

    it('reports a link whose target no longer exists', async () => {
      await store.addLink('link', await other.putString('a', ''));
      await other.delete('a');
      await expect(store.get('link')).rejects.toThrow(ObjectDeletedError);
      await stores.service.delete('B');
      await expect(store.get('link')).rejects.toThrow(BucketNotFoundError);
    });

    it('detects circular links', async () => {
      const a = await store.putString('a', '');
      const b = await store.putString('b', '');
      await store.delete('a');
      await store.addLink('a', b);
      await store.delete('b');
      await store.addLink('b', a);
      await expect(store.get('a')).rejects.toThrow(LinkLoopError);
    });

    it('is replaced by a put, and deleted without its target', async () => {
      const a = await store.putString('a', 'content');
      await store.addLink('link', a);
      await store.delete('link');
      await expect(store.get('link')).rejects.toThrow(ObjectDeletedError);
      expect(await store.getString('link', { showDeleted: true })).toBe('');
      await store.addLink('link', a);
      await store.putString('link', 'own content');
      expect(await store.getString('link')).toBe('own content');
      expect(await store.getString('a')).toBe('content');
    });
  });

  it('seals a bucket', async () => {
    await store.putString('a', 'content');
    expect((await store.seal()).sealed).toBe(true);
    expect((await store.status()).sealed).toBe(true);
    expect(await store.getString('a')).toBe('content');
    expect(await names()).toEqual(['a']);
    await expect(store.putString('b', 'content')).rejects.toThrow(JetStreamApiError);
    await expect(store.delete('a')).rejects.toThrow(JetStreamApiError);
  });

  it('reports the size of the bucket', async () => {
    expect((await store.status()).size).toBe(0);
    await store.putBytes('a', Buffer.alloc(200_000));
    expect((await store.status()).size).toBeGreaterThan(200_000);
    expect((await store.status()).streamInfo.state.messages).toBe(3);
  });
});
