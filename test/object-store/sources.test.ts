import { createReadStream, readdirSync, readlinkSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { InvalidArgumentError } from '../../lib/errors/index.js';
import type {
  ObjectMeta,
  ObjectPutOptions,
  ObjectSource,
  ObjectStore,
} from '../../lib/object-store/index.js';
import { NatsTestServer } from '../../lib/testing/index.js';
import { ObjectStores } from './object-stores.js';

describe('the source of a put', () => {
  let server: NatsTestServer;
  let stores: ObjectStores;
  let store: ObjectStore;
  let folder: string;

  beforeAll(async () => {
    server = await NatsTestServer.start();
    stores = await ObjectStores.connect(server.url);
    folder = await mkdtemp(join(tmpdir(), 'sources-'));
  });
  afterAll(async () => {
    await stores[Symbol.asyncDispose]();
    await server.stop();
    await rm(folder, { recursive: true });
  });
  beforeEach(async () => {
    await stores.service.delete('B').catch(() => undefined);
    store = await stores.service.create({ bucket: 'B', storage: 'memory' });
  });

  const expectNoChunks = (): Promise<void> => expect.poll(() => stores.messages('B', 'C')).toBe(0);

  const REFUSALS: readonly (readonly [string, ObjectMeta | string, ObjectPutOptions])[] = [
    ['an invalid name', '', {}],
    ['no meta', undefined as never, {}],
    ['an invalid chunk size', { name: 'a', chunkSize: 0 }, {}],
    ['invalid metadata', { name: 'a', metadata: { n: 1 as never } }, {}],
    ['an invalid timeout', 'a', { timeout: -1 }],
    ['an invalid signal', 'a', { signal: {} as never }],
    ['an aborted signal', 'a', { signal: AbortSignal.abort(new Error('aborted')) }],
    ['another revision', 'a', { previousRevision: 77 }],
    ['an invalid revision', 'a', { previousRevision: -1 }],
    ['a link', { name: 'a', link: { bucket: 'B' } } as ObjectMeta, {}],
    ['a description that is too large', { name: 'a', description: 'x'.repeat(2 ** 20) }, {}],
  ];

  it.each(REFUSALS)('is closed if the put is rejected for %s', async (_, meta, options) => {
    const readable = new Readable({ read: () => undefined });
    await expect(store.put(meta, readable, options)).rejects.toThrow();
    expect(readable.destroyed).toBe(true);

    const cancelled: unknown[] = [];
    const web = new ReadableStream<Uint8Array>({ cancel: (reason) => void cancelled.push(reason) });
    await expect(store.put(meta, web, options)).rejects.toThrow();
    expect(cancelled).toHaveLength(1);

    let returned = 0;
    const iterator = {
      next: () => new Promise<IteratorResult<Uint8Array>>(() => undefined),
      return: async () => ({ done: true as const, value: returned++ }),
    };
    await expect(store.put(meta, { [Symbol.asyncIterator]: () => iterator }, options)).rejects.toThrow();
    expect(returned).toBe(1);
    await expectNoChunks();
  });

  it.runIf(process.platform === 'linux')('leaves no descriptor of a file whose put is rejected', async () => {
    const path = join(folder, 'file');
    await writeFile(path, 'content');
    for (const [, meta, options] of REFUSALS) {
      // Without a name, the object of a file has the name of the file.
      if (meta === undefined) continue;
      for (let i = 0; i < 10; i++) {
        const named = typeof meta === 'object' ? meta : { name: meta };
        await expect(store.putFile(path, named, options)).rejects.toThrow();
      }
    }
    await expect.poll(() => openDescriptors(path)).toBe(0);
  });

  it.each([
    [
      'a stream that is destroyed',
      () => new Readable({ read: () => undefined }).destroy(new Error('gone')),
      'gone',
    ],
    ['a file that is not there', () => createReadStream(join(folder, 'missing')), 'ENOENT'],
  ])('can fail before it is read, while the revision is requested: %s', async (_, open, message) => {
    await expect(store.put('a', open(), { previousRevision: 0 })).rejects.toThrow(message);
    await expectNoChunks();
  });

  it('can fail to open although the put is rejected', async () => {
    const source = createReadStream(join(folder, 'missing'));
    await expect(store.put('', source)).rejects.toThrow('Invalid object name');
  });

  const thrown = new Error('from the source');
  const failing = (): never => {
    throw thrown;
  };

  it.each<[string, () => unknown]>([
    ['its iterator cannot be made', () => ({ [Symbol.asyncIterator]: failing })],
    ['next throws', () => ({ [Symbol.asyncIterator]: () => ({ next: failing }) })],
    ['next rejects', () => ({ [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(thrown) }) })],
    ['next and return fail', () => ({ [Symbol.asyncIterator]: () => ({ next: failing, return: failing }) })],
    [
      'its thenable rejects',
      () => ({
        [Symbol.asyncIterator]: () => ({
          next: () => thenable((_, reject) => reject(thrown)),
        }),
      }),
    ],
    ['a stream fails', () => new Readable({ read: failing })],
    ['a web stream fails', () => new ReadableStream({ pull: failing })],
    [
      'its result cannot be read',
      () => ({
        [Symbol.asyncIterator]: () => ({
          next: async () => ({
            get done() {
              return failing();
            },
          }),
        }),
      }),
    ],
  ])('fails the put with its own error when %s', async (_, source) => {
    await expect(store.put('a', source() as ObjectSource)).rejects.toBe(thrown);
    await expectNoChunks();
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['bytes', new Uint8Array(3)],
    ['text', 'text'],
    ['a promise of a stream', Promise.resolve(Readable.from(['a']))],
    ['a synchronous iterable', ['a', 'b']],
    ['an iterable without an iterator', { [Symbol.asyncIterator]: () => undefined }],
    ['an iterator without next', { [Symbol.asyncIterator]: () => ({}) }],
    ['results that are not objects', { [Symbol.asyncIterator]: () => ({ next: () => 5 }) }],
    [
      'results that are undefined',
      { [Symbol.asyncIterator]: () => ({ next: () => undefined, return: () => undefined }) },
    ],
    ['numbers', Readable.from([1, 2, 3])],
    ['objects', Readable.from([{ a: 1 }])],
    ['arrays of numbers', Readable.from([[1, 2]])],
    ['array buffers', Readable.from([new ArrayBuffer(8)])],
    ['nulls', { [Symbol.asyncIterator]: () => ({ next: async () => ({ value: null }) }) }],
    ['symbols', { [Symbol.asyncIterator]: () => ({ next: async () => ({ value: Symbol('s') }) }) }],
    [
      'objects without a prototype',
      { [Symbol.asyncIterator]: () => ({ next: async () => ({ value: Object.create(null) as unknown }) }) },
    ],
  ])('is rejected with a typed error if it is or yields %s', async (_, source) => {
    await expect(store.put('a', source as ObjectSource)).rejects.toThrow(InvalidArgumentError);
    await expectNoChunks();
  });

  it('is rejected if it is locked by another reader', async () => {
    const source = new ReadableStream<Uint8Array>();
    source.getReader();
    await expect(store.put('a', source)).rejects.toThrow(InvalidArgumentError);
  });

  it('can yield bytes of another realm, thenables and empty chunks', async () => {
    const foreign = runInNewContext('new Uint8Array([65, 66])') as Uint8Array;
    const results = [
      { value: foreign },
      { value: new Uint8Array(0) },
      { value: '' },
      { value: 'C' },
      { done: true, value: 'ignored' },
    ];
    const source = {
      [Symbol.asyncIterator]: () => ({
        next: () => thenable((resolve) => resolve(results.shift())),
      }),
    };
    await store.put('a', source as unknown as ObjectSource);
    expect(await store.getString('a')).toBe('ABC');
    await store.putBytes('b', foreign);
    expect(await store.getString('b')).toBe('AB');
  });

  it.each<[string, () => AsyncIterable<Uint8Array>]>([
    ['yields empty chunks forever', () => endless(new Uint8Array(0))],
    ['yields content forever', () => endless(new Uint8Array(50_000))],
    [
      'never yields anything',
      () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => undefined) }) }),
    ],
  ])('does not keep a put from being aborted when it %s', async (_, source) => {
    const reason = new Error('enough');
    const controller = new AbortController();
    setTimeout(() => controller.abort(reason), 50);
    await expect(store.put('a', source(), { signal: controller.signal })).rejects.toBe(reason);
    await expectNoChunks();
  });

  it.each<[unknown]>([[0], [''], [null], ['words'], [Object.create(null)]])(
    'is closed when the put is aborted with the reason %s',
    async (reason) => {
      const source = new Readable({ read: () => undefined });
      source.push(Buffer.alloc(300_000));
      const controller = new AbortController();
      const put = store.put('a', source, { signal: controller.signal });
      setTimeout(() => controller.abort(reason), 20);
      const outcome = await put.then(
        () => 'put',
        (error: unknown) => ({ error }),
      );
      expect(outcome).toEqual({ error: reason });
      expect(source.destroyed).toBe(true);
      await expectNoChunks();
    },
  );

  it.each([
    ['in the middle of a character', ['ab\u{d83d}', '\u{de00}cd']],
    ['in the middle of a character, with an empty chunk between', ['\u{d83d}', '', '\u{de00}']],
    ['at the end of a character', ['ab\u{1f600}', 'cd']],
  ])('can be text that is split %s', async (_, pieces) => {
    await store.put('text', Readable.from(pieces));
    expect(await store.getString('text')).toBe(pieces.join(''));
  });

  it.each([
    ['at its end', ['ab\u{d83d}'], 'ab\u{fffd}'],
    ['before other text', ['\u{d83d}', 'x'], '\u{fffd}x'],
    ['before bytes', ['\u{d83d}', Buffer.from('x')], '\u{fffd}x'],
  ])('replaces an unpaired surrogate with U+FFFD: %s', async (_, pieces, text) => {
    await store.put('text', Readable.from(pieces));
    expect(await store.getString('text')).toBe(text);
  });

  it('is rejected if it is a Readable that was read to its end, and the object is kept', async () => {
    await store.putString('a', 'before');
    const source = Readable.from(['gone']);
    for await (const piece of source) expect(piece).toBe('gone');
    const refused = store.put('a', source);
    await expect(refused).rejects.toThrow(InvalidArgumentError);
    await expect(refused).rejects.toThrow(
      /read to its end; if it is an HTTP request, switch off the body parser/,
    );
    expect(await store.getString('a')).toBe('before');
  });

  it('can be a Readable without content', async () => {
    await store.put('empty', Readable.from([]));
    expect((await store.info('empty')).size).toBe(0);
  });
});

function thenable(
  then: (resolve: (result: unknown) => void, reject: (error: Error) => void) => void,
): object {
  // oxlint-disable-next-line unicorn/no-thenable -- that is what it is for
  return { then };
}

async function* endless(piece: Uint8Array): AsyncGenerator<Uint8Array> {
  for (;;) yield piece;
}

function openDescriptors(path: string): number {
  return readdirSync('/proc/self/fd').filter((descriptor) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`) === path;
    } catch {
      return false;
    }
  }).length;
}
