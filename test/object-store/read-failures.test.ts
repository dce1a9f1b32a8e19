import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable, type Readable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  ConnectionClosedError,
  DigestMismatchError,
  InvalidArgumentError,
  ObjectTransferStalledError,
} from '../../lib/errors/index.js';
import { ObjectReadable, type ObjectStore } from '../../lib/object-store/index.js';
import { NatsTestServer } from '../../lib/testing/index.js';
import { LogRecorder } from '../support/log-recorder.js';
import { collect, ObjectStores } from './object-stores.js';

const MIB = 1_048_576;

describe('a read that fails before there is a listener', () => {
  let server: NatsTestServer;
  let stores: ObjectStores;
  let store: ObjectStore;
  let folder: string;

  beforeAll(async () => {
    server = await NatsTestServer.start();
    folder = await mkdtemp(join(tmpdir(), 'read-failures-'));
    await connect();
    await stores.service.create({ bucket: 'B', storage: 'memory' });
    await connect();
    await store.putBytes('corrupt', Buffer.alloc(300_000));
    const { nuid } = await store.info('corrupt');
    await stores.jsm.streams.purge('OBJ_B', { filter: `$O.B.C.${nuid}` });
    for (const size of [131_072, 131_072, 37_856]) {
      await stores.jetstream.publish(`$O.B.C.${nuid}`, Buffer.alloc(size, 1));
    }
    await store.putBytes('large', randomBytes(40 * MIB));
  });
  afterAll(async () => {
    await stores[Symbol.asyncDispose]();
    await server.stop();
    await rm(folder, { recursive: true });
  });
  afterEach(() => Logger.overrideLogger(false));

  async function connect(): Promise<void> {
    await stores?.[Symbol.asyncDispose]();
    stores = await ObjectStores.connect(server.url);
    store = await stores.service.open('B').catch(() => store);
  }

  const FAILURES: readonly (readonly [
    string,
    () => Promise<[ObjectReadable, new (...args: never[]) => Error]>,
  ])[] = [
    ['its digest is wrong', async () => [await store.get('corrupt'), DigestMismatchError]],
    [
      'it is aborted',
      async () => {
        const controller = new AbortController();
        const content = await store.get('large', { signal: controller.signal });
        controller.abort(new RangeError('enough'));
        return [content, RangeError];
      },
    ],
    [
      'the connection is closed',
      async () => {
        const content = await store.get('large');
        await stores.nc.close();
        return [content, ConnectionClosedError];
      },
    ],
    [
      'the server hangs',
      async () => {
        const content = await store.get('large', { stallTimeout: 200 });
        server.pause();
        // First the bytes in flight arrive, then nothing.
        const reader = content.on('readable', () => content.read());
        await new Promise((resolve) => content.once('error', resolve));
        server.resume();
        reader.removeAllListeners('readable');
        return [content, ObjectTransferStalledError];
      },
    ],
  ];

  const READERS: readonly (readonly [string, (content: ObjectReadable) => Promise<unknown>])[] = [
    ['a loop', (content) => collect(content)],
    ['a pipeline', (content) => pipeline(content, new Writable({ write: (_, __, done) => done() }))],
    ['finished', (content) => finished(content as Readable)],
    [
      'a listener',
      (content) =>
        new Promise((resolve, reject) => {
          content.once('error', reject);
          content.once('end', resolve);
          content.resume();
        }),
    ],
  ];

  describe.each(FAILURES)('because %s', (_, fail) => {
    afterEach(connect);

    it.each(READERS)('does not end the process, and its error reaches %s later', async (__, read) => {
      // A small object may have arrived completely when the read starts; then the start itself rejects.
      const begun = await fail().catch((error: unknown) => [error, DigestMismatchError] as const);
      const [content, kind] = begun;
      await sleep(150);
      expect(await errorOf(content, read)).toBeInstanceOf(kind);
    });
  });

  it('is logged if the reader does not listen for errors', async () => {
    const log = new LogRecorder();
    Logger.overrideLogger(log);
    const controller = new AbortController();
    const content = await store.get('large', { signal: controller.signal });
    content.resume();
    controller.abort(new Error('enough'));
    await new Promise((resolve) => content.once('close', resolve));
    expect(log.of('error', 'ObjectStore')).toEqual([
      'Reading object "large" of bucket "B" failed, and its stream has no error listener: enough',
    ]);
  });

  describe('into a file', () => {
    it.each<[string, () => Promise<string>, string | typeof InvalidArgumentError]>([
      ['the folder does not exist', async () => join(folder, 'none', 'file'), 'ENOENT'],
      [
        'the path is a folder',
        async () => {
          const path = await mkdtemp(join(folder, 'folder-'));
          await mkdir(join(path, 'inside'));
          return path;
        },
        'E(ISDIR|NOTEMPTY|EXIST|PERM)',
      ],
      ['the folder is a file', async () => join(process.execPath, 'file'), 'ENOTDIR'],
      ['the disk is full', async () => '/dev/full/file', 'E'],
      ['the name is too long', async () => join(folder, 'n'.repeat(300)), 'ENAMETOOLONG'],
      ['the path is empty', async () => '', InvalidArgumentError],
      ['the path has a zero byte', async () => join(folder, 'a\0b'), InvalidArgumentError],
      ['the path is a number', async () => 7 as never, InvalidArgumentError],
      ['the path is missing', async () => undefined as never, InvalidArgumentError],
    ])('leaves no file and no consumer when %s', async (_, path, expected) => {
      const { consumers } = (await store.status()).streamInfo.state;
      const failure = store.getFile('large', await path());
      await expect(failure).rejects.toSatisfy((error) =>
        typeof expected === 'string'
          ? new RegExp(expected).test(String((error as NodeJS.ErrnoException).code))
          : error instanceof expected,
      );
      const files = await readdir(folder, { recursive: true });
      expect(files.filter((file) => file.endsWith('.part'))).toEqual([]);
      await expect
        .poll(async () => (await store.status()).streamInfo.state.consumers)
        .toBeLessThanOrEqual(consumers);
    });

    it('can have a name of 255 bytes', async () => {
      await store.putString('small', 'content');
      await store.getFile('small', join(folder, 'n'.repeat(255)));
      expect(await readdir(folder)).toContain('n'.repeat(255));
    });
  });
});

async function errorOf(
  content: unknown,
  read: (content: ObjectReadable) => Promise<unknown>,
): Promise<unknown> {
  if (!(content instanceof ObjectReadable)) return content;
  return content.errored ?? (await read(content).catch((error: unknown) => error));
}
