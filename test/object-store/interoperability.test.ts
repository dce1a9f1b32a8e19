import { createHash, randomBytes } from 'node:crypto';
import { headers } from '@nats-io/transport-node';
import { Objm, type ObjectStore as RawObjectStore } from '@nats-io/obj';
import {
  connect as connectOlder,
  type NatsConnection as OlderConnection,
  type ObjectStore as OlderObjectStore,
} from 'nats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ObjectStore } from '../../lib/object-store/index.js';
import { NatsTestServer } from '../../lib/testing/index.js';
import { collect, ObjectStores } from './object-stores.js';

const KIB = 1_024;

describe.each(['2.15', '2.10', '2.9'])('object stores of other clients on nats-server %s', (version) => {
  let server: NatsTestServer;
  let stores: ObjectStores;

  beforeAll(async () => {
    server = await NatsTestServer.start({ version });
    stores = await ObjectStores.connect(server.url);
  });
  afterAll(async () => {
    await stores[Symbol.asyncDispose]();
    await server.stop();
  });

  describe('a bucket written by the raw client', () => {
    let raw: RawObjectStore;
    let store: ObjectStore;

    beforeAll(async () => {
      raw = await new Objm(stores.nc).create('raw', { description: 'made there' });
      store = await stores.service.open('raw');
    });

    it('is a bucket of this library', async () => {
      expect(await store.status()).toMatchObject({ bucket: 'raw', description: 'made there', replicas: 1 });
      expect(await collect(stores.service.names())).toContain('raw');
    });

    it('can be read, with headers, metadata, chunk size and digest', async () => {
      const data = randomBytes(300 * KIB);
      const hdrs = headers();
      hdrs.append('Tag', 'a');
      hdrs.append('Tag', 'b');
      const written = await raw.putBlob(
        {
          name: 'dir/object',
          description: 'words',
          headers: hdrs,
          metadata: { k: 'v' },
          options: { max_chunk_size: 100 * KIB },
        },
        data,
      );
      expect((await store.getBytes('dir/object')).equals(data)).toBe(true);
      expect(await store.info('dir/object')).toMatchObject({
        name: 'dir/object',
        description: 'words',
        headers: { Tag: ['a', 'b'] },
        metadata: { k: 'v' },
        chunkSize: 100 * KIB,
        size: data.length,
        chunks: 3,
        digest: written.digest,
        nuid: written.nuid,
        deleted: false,
        revision: written.revision,
      });
    });

    it('can be overwritten, updated, renamed and deleted', async () => {
      await raw.putBlob({ name: 'a' }, randomBytes(300 * KIB));
      const before = await stores.messages('raw', 'C');
      await store.putString('a', 'ours');
      expect(await stores.messages('raw', 'C')).toBe(before - 2);
      await raw.putBlob({ name: 'a' }, Buffer.from('theirs'));
      await store.updateMeta('a', { name: 'b', description: 'renamed' });
      expect(Buffer.from((await raw.getBlob('b')) ?? []).toString()).toBe('theirs');
      expect(await raw.info('b')).toMatchObject({ description: 'renamed' });
      expect(await raw.info('a')).toBeNull();
      await store.delete('b');
      expect(await raw.get('b')).toBeNull();
      expect(await raw.info('b')).toMatchObject({ deleted: true });
    });

    it('has links, deleted objects and watchers', async () => {
      await raw.putBlob({ name: 'target' }, Buffer.from('content'));
      const info = await raw.info('target');
      if (!info) throw new Error('not stored');
      await raw.link('their link', info);
      await raw.linkStore('their directory', raw);
      expect(await store.getString('their link')).toBe('content');
      expect((await store.info('their link')).link).toEqual({ bucket: 'raw', name: 'target' });
      expect((await store.info('their directory')).link).toEqual({ bucket: 'raw' });
      await raw.delete('target');
      expect(await store.info('target', { showDeleted: true })).toMatchObject({ deleted: true, size: 0 });
      expect((await collect(store.list())).map(({ name }) => name)).not.toContain('target');
      const watcher = await store.watch({ updatesOnly: true });
      await raw.putBlob({ name: 'watched' }, Buffer.from('x'));
      for await (const { name } of watcher) {
        expect(name).toBe('watched');
        break;
      }
    });
  });

  describe('a bucket written by this library', () => {
    let raw: RawObjectStore;
    let store: ObjectStore;

    beforeAll(async () => {
      store = await stores.service.create({ bucket: 'ours', description: 'made here', ttl: 3_600_000 });
      raw = await new Objm(stores.nc).open('ours');
    });

    it('is a bucket of the raw client', async () => {
      expect(await raw.status()).toMatchObject({ bucket: 'ours', description: 'made here' });
      expect((await raw.status()).ttl).toBe(3_600_000_000_000);
    });

    it('can be read, with headers, metadata, chunk size and digest', async () => {
      const data = randomBytes(300 * KIB);
      const written = await store.putBytes(
        {
          name: 'dir/object',
          description: 'words',
          headers: { Tag: ['a', 'b'] },
          metadata: { k: 'v' },
          chunkSize: 100 * KIB,
        },
        data,
      );
      expect(Buffer.from((await raw.getBlob('dir/object')) ?? []).equals(data)).toBe(true);
      const info = await raw.info('dir/object');
      expect(info).toMatchObject({
        name: 'dir/object',
        description: 'words',
        metadata: { k: 'v' },
        options: { max_chunk_size: 100 * KIB },
        size: data.length,
        chunks: 3,
        digest: written.digest,
        nuid: written.nuid,
        deleted: false,
      });
      expect(info?.headers?.values('Tag')).toEqual(['a', 'b']);
      const empty = await store.putString('empty', '');
      expect(empty.digest).toBe('SHA-256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=');
      expect(await raw.getBlob('empty')).toHaveLength(0);
    });

    it('can be overwritten and deleted', async () => {
      await store.putBytes('a', randomBytes(300 * KIB));
      await raw.putBlob({ name: 'a' }, Buffer.from('theirs'));
      expect(await store.getString('a')).toBe('theirs');
      await raw.delete('a');
      await expect(store.get('a')).rejects.toMatchObject({ name: 'ObjectDeletedError' });
    });

    it('has links, deleted objects and watchers', async () => {
      const target = await store.putString('target', 'content');
      await store.addLink('our link', target);
      expect(Buffer.from((await raw.getBlob('our link')) ?? []).toString()).toBe('content');
      await store.addBucketLink('our directory', store);
      await expect(raw.get('our directory')).rejects.toThrow('link is a bucket');
      await store.delete('target');
      expect(await raw.info('target')).toMatchObject({ deleted: true, size: 0, chunks: 0 });
      const watcher = await raw.watch();
      await store.putString('watched', 'x');
      for await (const { name } of watcher) {
        expect(name).toBe('watched');
        break;
      }
      expect((await raw.list()).map(({ name }) => name)).not.toContain('target');
    });
  });

  describe('the older `nats` package', () => {
    let older: OlderConnection;
    let ours: ObjectStore;
    let theirs: OlderObjectStore;

    beforeAll(async () => {
      older = await connectOlder({ servers: server.url });
      theirs = await older.jetstream().views.os('older', { description: 'made there' });
      ours = await stores.service.open('older');
    });
    afterAll(() => older.close());

    it('reads objects of this library', async () => {
      const data = randomBytes(300 * KIB);
      const meta = { name: 'ours', description: 'words', headers: { Tag: ['a', 'b'] }, chunkSize: 100 * KIB };
      const written = await ours.putBytes(meta, data);
      expect(Buffer.from((await theirs.getBlob('ours')) ?? []).equals(data)).toBe(true);
      const info = await theirs.info('ours');
      expect(info).toMatchObject({
        description: 'words',
        chunks: 3,
        digest: written.digest,
        nuid: written.nuid,
      });
      expect(info?.headers?.values('Tag')).toEqual(['a', 'b']);
      await ours.addLink('our link', written);
      expect(Buffer.from((await theirs.getBlob('our link')) ?? []).equals(data)).toBe(true);
      await ours.delete('ours');
      expect(await theirs.get('ours')).toBeNull();
      expect(await theirs.info('ours')).toMatchObject({ deleted: true });
    });

    it('writes objects that this library reads', async () => {
      const data = randomBytes(300 * KIB);
      const meta = { name: 'theirs', description: 'words', options: { max_chunk_size: 100 * KIB } };
      const written = await theirs.putBlob(meta, data);
      expect((await ours.getBytes('theirs')).equals(data)).toBe(true);
      expect(await ours.info('theirs')).toMatchObject({
        description: 'words',
        chunkSize: 100 * KIB,
        chunks: 3,
        size: data.length,
        digest: written.digest,
        revision: written.revision,
      });
      await theirs.link('their link', written);
      expect((await ours.getBytes('their link')).equals(data)).toBe(true);
      await theirs.update('theirs', { name: 'renamed' });
      expect((await ours.getBytes('renamed')).equals(data)).toBe(true);
      await theirs.delete('renamed');
      await expect(ours.get('renamed')).rejects.toMatchObject({ name: 'ObjectDeletedError' });
      expect((await collect(ours.list({ showDeleted: true }))).map(({ name }) => name)).toContain('renamed');
    });
  });

  it('reads and writes the layout of ADR-20', async () => {
    const store = await stores.service.create({ bucket: 'adr' });
    const chunks = [randomBytes(10), randomBytes(7)];
    const digest = createHash('sha256').update(Buffer.concat(chunks)).digest('base64url');
    // As the Go client writes it: a zero time, no empty fields, and fields of newer clients.
    const written = {
      name: 'object-näme',
      options: { max_chunk_size: 10 },
      bucket: 'adr',
      nuid: 'CkuyLEX4z2hbyjj1aWCfiH',
      size: 17,
      mtime: '0001-01-01T00:00:00Z',
      chunks: 2,
      digest: `SHA-256=${digest}=`,
      newer: { field: true },
    };
    const metaSubject = '$O.adr.M.b2JqZWN0LW7DpG1l';
    for (const chunk of chunks) await stores.jetstream.publish('$O.adr.C.CkuyLEX4z2hbyjj1aWCfiH', chunk);
    await stores.jetstream.publish(metaSubject, JSON.stringify(written), {
      headers: { 'Nats-Rollup': 'sub' },
    });
    expect((await store.getBytes('object-näme')).equals(Buffer.concat(chunks))).toBe(true);

    await store.updateMeta('object-näme', { description: 'words' });
    const message = await stores.jsm.streams.getMessage('OBJ_adr', { last_by_subj: metaSubject });
    expect(message?.json()).toEqual({ ...written, description: 'words' });
    expect(message?.header.get('Nats-Rollup')).toBe('sub');

    const info = await store.putString('object-näme', 'content');
    const stored = await stores.jsm.streams.getMessage('OBJ_adr', { last_by_subj: metaSubject });
    expect(stored?.json()).toEqual({
      name: 'object-näme',
      options: { max_chunk_size: 131_072 },
      bucket: 'adr',
      nuid: info.nuid,
      size: 7,
      chunks: 1,
      digest: info.digest,
    });
    const chunk = await stores.jsm.streams.getMessage('OBJ_adr', { last_by_subj: `$O.adr.C.${info.nuid}` });
    expect(chunk?.string()).toBe('content');
  });
});
