import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { headers } from '@nats-io/transport-node';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  DigestMismatchError,
  InvalidObjectInfoError,
  ObjectChangedError,
  ObjectCorruptError,
  ObjectIncompleteError,
} from '../../lib/errors/index.js';
import type { ObjectInfo, ObjectStore } from '../../lib/object-store/index.js';
import { NatsTestServer } from '../../lib/testing/index.js';
import { collect, ObjectStores } from './object-stores.js';

const CHUNK_SIZE = 10_000;
const DATA = randomBytes(CHUNK_SIZE * 5);

describe('reading a damaged object', () => {
  let server: NatsTestServer;
  let stores: ObjectStores;
  let store: ObjectStore;
  let folder: string;
  let info: ObjectInfo;

  beforeAll(async () => {
    server = await NatsTestServer.start();
    stores = await ObjectStores.connect(server.url);
    store = await stores.service.create({ bucket: 'B', storage: 'memory' });
    folder = await mkdtemp(join(tmpdir(), 'object-store-'));
  });
  afterAll(async () => {
    await stores[Symbol.asyncDispose]();
    await server.stop();
    await rm(folder, { recursive: true });
  });
  beforeEach(async () => {
    info = await store.putBytes({ name: 'a', chunkSize: CHUNK_SIZE }, DATA);
  });

  /** Replaces the stored chunks of the object. */
  async function storeChunks(...chunks: readonly Uint8Array[]): Promise<void> {
    const subject = `$O.B.C.${info.nuid}`;
    await stores.jsm.streams.purge('OBJ_B', { filter: subject });
    for (const chunk of chunks) await stores.jetstream.publish(subject, chunk);
  }

  async function describeAs(changes: object): Promise<void> {
    const last = await stores.jsm.streams.getMessage('OBJ_B', { last_by_subj: '$O.B.M.YQ==' });
    await stores.jetstream.publish('$O.B.M.YQ==', JSON.stringify({ ...last?.json<object>(), ...changes }), {
      headers: { 'Nats-Rollup': 'sub' },
    });
  }

  /** Reads it with each method; resolves with the names of the errors. */
  async function read(): Promise<readonly string[]> {
    const failures = await Promise.allSettled([
      store.getBytes('a'),
      store.get('a').then((content) => collect(content)),
      store.getFile('a', join(folder, 'a')),
    ]);
    // No error leaves a file behind.
    expect(await readdir(folder)).toEqual([]);
    return failures.map((failure) => (failure.status === 'rejected' ? nameOf(failure.reason) : 'none'));
  }

  const chunk = (index: number): Buffer => DATA.subarray(index * CHUNK_SIZE, (index + 1) * CHUNK_SIZE);

  it('detects a corrupted chunk', async () => {
    const corrupted = Buffer.from(chunk(2));
    corrupted[5_000] ^= 1;
    await storeChunks(chunk(0), chunk(1), corrupted, chunk(3), chunk(4));
    expect(await read()).toEqual(Array(3).fill(DigestMismatchError.name));
    await expect(store.getBytes('a')).rejects.toMatchObject({
      bucket: 'B',
      object: 'a',
      expected: info.digest,
    });
  });

  it('detects a chunk out of order', async () => {
    await storeChunks(chunk(0), chunk(2), chunk(1), chunk(3), chunk(4));
    expect(await read()).toEqual(Array(3).fill(DigestMismatchError.name));
  });

  it.each([
    ['first', 0],
    ['middle', 2],
    ['last', 4],
  ])('detects that the %s chunk is missing, before anything is read', async (_, missing) => {
    await storeChunks(...[0, 1, 2, 3, 4].filter((index) => index !== missing).map(chunk));
    expect(await read()).toEqual(Array(3).fill(ObjectIncompleteError.name));
    await expect(store.get('a')).rejects.toMatchObject({ expected: 5, actual: 4 });
  });

  it('detects that all chunks are missing', async () => {
    await storeChunks();
    expect(await read()).toEqual(Array(3).fill(ObjectIncompleteError.name));
  });

  it('detects a chunk that is stored twice', async () => {
    await storeChunks(chunk(0), chunk(1), chunk(1), chunk(2), chunk(3), chunk(4));
    expect(await read()).toEqual(Array(3).fill(DigestMismatchError.name));
  });

  it('detects chunks of another size', async () => {
    await storeChunks(chunk(0), chunk(1), chunk(2).subarray(1), chunk(3), chunk(4));
    expect(await read()).toEqual(Array(3).fill(ObjectCorruptError.name));
    await storeChunks(chunk(0), chunk(1), Buffer.alloc(CHUNK_SIZE * 4), chunk(3), chunk(4));
    expect(await read()).toEqual(Array(3).fill(ObjectCorruptError.name));
  });

  it('detects a wrong digest, and one that cannot be read', async () => {
    await describeAs({ digest: `SHA-256=${'A'.repeat(43)}=` });
    expect(await read()).toEqual(Array(3).fill(DigestMismatchError.name));
    for (const digest of ['SHA-256=', 'SHA-256=short', `MD5=${'A'.repeat(43)}=`, 'none', undefined]) {
      await describeAs({ digest });
      expect(await read()).toEqual(Array(3).fill(InvalidObjectInfoError.name));
    }
  });

  it('accepts a digest in hexadecimal, in standard base64 and without padding', async () => {
    const bytes = Buffer.from(info.digest.slice('SHA-256='.length), 'base64url');
    for (const encoding of ['hex', 'base64', 'base64url'] as const) {
      await describeAs({ digest: `SHA-256=${bytes.toString(encoding)}` });
      expect((await store.getBytes('a')).equals(DATA)).toBe(true);
    }
  });

  it('reports that a description cannot be read', async () => {
    for (const text of ['not JSON', '[]', 'null', '{"nuid":"x"}']) {
      await stores.jetstream.publish('$O.B.M.YmFk', text);
      await expect(store.info('bad')).rejects.toThrow(InvalidObjectInfoError);
      await expect(store.get('bad')).rejects.toThrow(InvalidObjectInfoError);
    }
    await stores.jsm.streams.purge('OBJ_B', { filter: '$O.B.M.YmFk' });
  });

  it('reports that an object was replaced or deleted while it was read', async () => {
    for (const change of [() => store.putString('large', 'new'), () => store.delete('large')]) {
      await store.putBytes('large', Buffer.alloc(40 * 1_048_576));
      const content = await store.get('large');
      await new Promise((resolve) => content.once('readable', resolve));
      await change();
      await expect(collect(content)).rejects.toThrow(ObjectChangedError);
    }
  }, 60_000);

  it('continues if its consumer is deleted on the server', async () => {
    const data = randomBytes(20 * 1_048_576);
    await store.putBytes('large', data);
    const content = await store.get('large');
    const received: Buffer[] = [];
    for await (const piece of content) {
      received.push(piece as Buffer);
      if (received.length !== 5) continue;
      for await (const { name } of stores.jsm.consumers.list('OBJ_B')) {
        await stores.jsm.consumers.delete('OBJ_B', name);
      }
    }
    expect(Buffer.concat(received).equals(data)).toBe(true);
  }, 60_000);

  it('ignores headers in chunks of other clients', async () => {
    const hdrs = headers();
    hdrs.set('Some-Header', 'value');
    const subject = `$O.B.C.${info.nuid}`;
    await stores.jsm.streams.purge('OBJ_B', { filter: subject });
    for (let i = 0; i < 5; i++) await stores.jetstream.publish(subject, chunk(i), { headers: hdrs });
    expect((await store.getBytes('a')).equals(DATA)).toBe(true);
  });
});

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : String(error);
}
