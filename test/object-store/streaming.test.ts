import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { get as httpGet, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { Module, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { getObjectStoreToken } from 'nestjs-nats-jetstream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ConnectionClosedError, ObjectNotFoundError } from '../../lib/errors/index.js';
import type { ObjectStore } from '../../lib/object-store/index.js';
import { NatsTestServer } from '../../lib/testing/index.js';
import { DocumentsController } from '../../docs/snippets/object-store.js';
import { collect, ObjectStores } from './object-stores.js';

const MIB = 1_048_576;

describe('streaming objects', () => {
  let server: NatsTestServer;
  let stores: ObjectStores;
  let store: ObjectStore;
  let folder: string;

  beforeAll(async () => {
    server = await NatsTestServer.start();
    folder = await mkdtemp(join(tmpdir(), 'object-store-'));
  });
  afterAll(async () => {
    await server.stop();
    await rm(folder, { recursive: true });
  });
  beforeEach(async () => {
    stores = await ObjectStores.connect(server.url);
    store = await stores.service.create({ bucket: 'B' });
  });
  afterEach(async () => {
    if (!stores.nc.isClosed()) await stores.service.delete('B');
    await stores[Symbol.asyncDispose]();
  });

  async function expectNothingStored(): Promise<void> {
    expect((await store.status()).streamInfo.state.messages).toBe(0);
  }

  describe('a put that fails', () => {
    it('rejects with the error of its source and leaves no chunk', async () => {
      const failure = new Error('disk on fire');
      async function* source(): AsyncGenerator<Uint8Array> {
        yield randomBytes(2 * MIB);
        throw failure;
      }
      await expect(store.put('a', source())).rejects.toBe(failure);
      await expectNothingStored();
    });

    it('rejects if its source is destroyed half-way', async () => {
      const source = new PassThrough();
      source.write(randomBytes(2 * MIB));
      const put = store.put('a', source);
      await expect.poll(() => stores.messages('B', 'C')).toBeGreaterThan(10);
      source.destroy();
      await expect(put).rejects.toThrow('Premature close');
      await expectNothingStored();
    });

    it('is aborted while its source is silent, and closes the source', async () => {
      const controller = new AbortController();
      const source = new PassThrough();
      source.write(randomBytes(2 * MIB));
      const put = store.put('a', source, { signal: controller.signal });
      await expect.poll(() => stores.messages('B', 'C')).toBeGreaterThan(10);
      const reason = new Error('no longer wanted');
      controller.abort(reason);
      await expect(put).rejects.toBe(reason);
      await expectNothingStored();
      expect(source.destroyed).toBe(true);
    });

    it('is aborted at any moment and leaves no chunk, with any source', async () => {
      await store.putString('a', 'old');
      const data = randomBytes(4 * MIB);
      async function* generate(): AsyncGenerator<Uint8Array> {
        for (let offset = 0; offset < data.length; offset += 50_000)
          yield data.subarray(offset, offset + 50_000);
      }
      let aborted = 0;
      for (let delay = 0; delay < 40; delay += 2) {
        const signal = AbortSignal.timeout(delay);
        const put =
          delay % 4 ? store.put('a', generate(), { signal }) : store.putBytes('a', data, { signal });
        const outcome = await put.then(
          () => 'put',
          (error: unknown) => (error as Error).name,
        );
        expect(['put', 'TimeoutError']).toContain(outcome);
        if (outcome !== 'put') aborted++;
        const { chunks } = await store.info('a');
        expect(await stores.messages('B', 'C')).toBe(chunks);
      }
      expect(aborted).toBeGreaterThan(5);
    });

    it('does not start with a signal that is already aborted', async () => {
      const reason = new Error('too late');
      const signal = AbortSignal.abort(reason);
      await expect(store.putString('a', 'text', { signal })).rejects.toBe(reason);
      await expect(store.get('a', { signal })).rejects.toBe(reason);
      await expect(store.get('a')).rejects.toThrow(ObjectNotFoundError);
      await expectNothingStored();
    });

    it('rejects when the connection is closed', async () => {
      const source = new PassThrough();
      source.write(randomBytes(MIB));
      const put = store.put('a', source);
      await expect.poll(() => stores.messages('B', 'C')).toBeGreaterThan(5);
      const outcome = put.catch((error: unknown) => error);
      await stores.nc.close();
      source.write(randomBytes(MIB));
      expect(await outcome).toBeInstanceOf(ConnectionClosedError);
      await using others = await ObjectStores.connect(server.url);
      await others.service.delete('B');
    });
  });

  it('continues putting and getting while the server is restarted', async () => {
    const data = randomBytes(24 * MIB);
    async function* source(): AsyncGenerator<Uint8Array> {
      for (let offset = 0; offset < data.length; offset += MIB) {
        if (offset === 8 * MIB || offset === 16 * MIB) await server.restart();
        yield data.subarray(offset, offset + MIB);
      }
    }
    await store.put('a', source(), { timeout: 1_000 });
    expect(await stores.messages('B', 'C')).toBe(24 * 8);
    const hash = createHash('sha256');
    let received = 0;
    for await (const piece of await store.get('a')) {
      hash.update(piece as Buffer);
      const before = received;
      received += (piece as Buffer).length;
      if (before < 10 * MIB && received >= 10 * MIB) await server.restart();
    }
    expect(received).toBe(data.length);
    expect(hash.digest()).toEqual(createHash('sha256').update(data).digest());
  }, 60_000);

  describe('a get', () => {
    it('buffers a bounded number of bytes if it is not read', async () => {
      await store.putBytes('a', randomBytes(48 * MIB));
      const before = stores.nc.stats().inBytes;
      const content = await store.get('a');
      const received = (): number => stores.nc.stats().inBytes - before;
      await expect.poll(received).toBeGreaterThan(MIB);
      await sleep(300);
      expect(received()).toBeLessThan(4 * MIB);
      // A slow reader receives everything, but never much more than it reads.
      let taken = 0;
      for await (const piece of content) {
        taken += (piece as Buffer).length;
        expect(received() - taken).toBeLessThan(34 * MIB);
        if (taken < 8 * MIB) await sleep(5);
      }
      expect(taken).toBe(48 * MIB);
    }, 60_000);

    it('ends when it is destroyed, and leaves no consumer', async () => {
      await store.putBytes('a', randomBytes(16 * MIB));
      for await (const piece of await store.get('a')) {
        expect(piece).toBeInstanceOf(Uint8Array);
        break;
      }
      await expect.poll(async () => (await store.status()).streamInfo.state.consumers).toBe(0);
    });

    it('is aborted by a signal', async () => {
      await store.putBytes('a', randomBytes(64 * MIB));
      const controller = new AbortController();
      const content = await store.get('a', { signal: controller.signal });
      const reading = collect(content);
      controller.abort(new Error('enough'));
      await expect(reading).rejects.toThrow('enough');
      const bytes = store.getBytes('a', { signal: AbortSignal.timeout(2) });
      await expect(bytes).rejects.toMatchObject({ name: 'TimeoutError' });
      await expect.poll(async () => (await store.status()).streamInfo.state.consumers).toBe(0);
    });

    it('reads many objects at once', async () => {
      const data = Array.from({ length: 20 }, () => randomBytes(MIB));
      await Promise.all(data.map((bytes, i) => store.putBytes(`object ${i}`, bytes)));
      const read = await Promise.all(data.map((_, i) => store.getBytes(`object ${i}`)));
      expect(read.every((bytes, i) => bytes.equals(data[i]))).toBe(true);
    });
  });

  describe('files', () => {
    it('puts a file under its path, or another name', async () => {
      const path = join(folder, 'in.bin');
      const data = randomBytes(3 * MIB + 7);
      await writeFile(path, data);
      expect((await store.putFile(path)).name).toBe(path);
      const info = await store.putFile(path, {
        name: 'named',
        description: 'from a file',
        chunkSize: MIB / 2,
      });
      expect(info).toMatchObject({ name: 'named', description: 'from a file', chunks: 7, size: data.length });
      expect((await store.getBytes('named')).equals(data)).toBe(true);
      await expect(store.putFile(join(folder, 'missing'))).rejects.toMatchObject({ code: 'ENOENT' });
      await expect(store.putFile(folder)).rejects.toMatchObject({ code: 'EISDIR' });
      expect((await collect(store.list())).length).toBe(2);
    });

    it('gets a file, replacing an older one', async () => {
      const data = randomBytes(3 * MIB + 7);
      const info = await store.putBytes('a', data);
      const path = join(folder, 'out.bin');
      await writeFile(path, 'old');
      expect(await store.getFile('a', path)).toMatchObject({ nuid: info.nuid });
      expect((await readFile(path)).equals(data)).toBe(true);
      await store.putString('empty', '');
      await store.getFile('empty', path);
      expect(await readFile(path)).toHaveLength(0);
    });

    it('keeps the older file, and leaves no temporary one, if it fails', async () => {
      const own = await mkdtemp(join(folder, 'own-'));
      const path = join(own, 'kept');
      await writeFile(path, 'old');
      await expect(store.getFile('missing', path)).rejects.toThrow(ObjectNotFoundError);
      await store.putBytes('a', randomBytes(16 * MIB));
      const aborted = store.getFile('a', path, { signal: AbortSignal.timeout(8) });
      await expect(aborted).rejects.toMatchObject({ name: 'TimeoutError' });
      expect(await readFile(path, 'utf8')).toBe('old');
      expect(await readdir(own)).toEqual(['kept']);
      await expect(store.getFile('a', join(own, 'no', 'folder'))).rejects.toMatchObject({ code: 'ENOENT' });
      await expect.poll(async () => (await store.status()).streamInfo.state.consumers).toBe(0);
    });

    it('puts the content of a file stream', async () => {
      const path = join(folder, 'stream.bin');
      const data = randomBytes(MIB + 1);
      await writeFile(path, data);
      await store.put('a', createReadStream(path));
      expect((await store.getBytes('a')).equals(data)).toBe(true);
    });
  });

  describe('the controller of the guide', () => {
    let app: INestApplication;
    let url: string;

    beforeEach(async () => {
      @Module({
        controllers: [DocumentsController],
        providers: [{ provide: getObjectStoreToken('documents'), useValue: store }],
      })
      class App {}
      app = await NestFactory.create(App, { logger: false, abortOnError: false });
      await app.listen(0, '127.0.0.1');
      const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
      url = `http://127.0.0.1:${port}/documents`;
    });
    afterEach(() => app.close());

    it('streams the body of a request', async () => {
      const data = randomBytes(5 * MIB);
      const response = await fetch(`${url}/a`, { method: 'PUT', body: data });
      expect(await response.json()).toEqual({ digest: (await store.info('a')).digest });
      expect((await store.getBytes('a')).equals(data)).toBe(true);
    });

    it('answers with the content', async () => {
      const data = randomBytes(5 * MIB);
      await store.putBytes({ name: 'a', headers: { 'Content-Type': 'application/pdf' } }, data);
      expect((await fetch(`${url}/missing`)).status).toBe(404);
      const response = await fetch(`${url}/a`);
      expect(response.headers.get('content-length')).toBe(String(data.length));
      expect(response.headers.get('content-type')).toBe('application/pdf');
      expect(Buffer.from(await response.arrayBuffer()).equals(data)).toBe(true);
    });

    it('ends the transfer if the client disconnects', async () => {
      await store.putBytes('a', randomBytes(48 * MIB));
      const response = await new Promise<IncomingMessage>((resolve) => httpGet(`${url}/a`, resolve));
      await new Promise((resolve) => response.once('readable', resolve));
      response.destroy();
      await expect.poll(async () => (await store.status()).streamInfo.state.consumers).toBe(0);
    });

    it('never completes a response with corrupt content', async () => {
      const { nuid, chunks } = await store.putBytes('a', Buffer.alloc(16 * MIB));
      await stores.jsm.streams.purge('OBJ_B', { filter: `$O.B.C.${nuid}` });
      const chunk = Buffer.alloc((16 * MIB) / chunks);
      for (let i = 1; i < chunks; i++) await stores.jetstream.publish(`$O.B.C.${nuid}`, chunk);
      await stores.jetstream.publish(`$O.B.C.${nuid}`, chunk.fill(1));
      const response = await fetch(`${url}/a`);
      await expect(response.arrayBuffer()).rejects.toThrow('terminated');
    });
  });

  it('puts from a web stream that is cancelled when the put is aborted', async () => {
    const controller = new AbortController();
    const source = Readable.toWeb(Readable.from(endless()));
    const put = store.put('a', source, { signal: controller.signal });
    await expect.poll(() => stores.messages('B', 'C')).toBeGreaterThan(10);
    controller.abort(new Error('enough'));
    await expect(put).rejects.toThrow('enough');
    await expectNothingStored();
  });
});

async function* endless(): AsyncGenerator<Buffer> {
  for (;;) {
    yield Buffer.alloc(100_000);
    await sleep(1);
  }
}
