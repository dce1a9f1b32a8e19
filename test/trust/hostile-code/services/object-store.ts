import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { ObjectStoreStorage, type IncomingFile } from 'nestjs-nats-jetstream/upload';
import { OF_A_GETTER } from '../behaviors.js';
import { failure, type Bench, type Misuse, type ServiceHook, type Told } from './bench.js';

type Result = { readonly done?: boolean; readonly value?: unknown };
const CONTENT = Buffer.alloc(200_000, 'x');

/** Puts a source that misbehaves, aborted soon if it hangs; then a valid one. */
async function put(bench: Bench, { id, behavior }: Misuse, source: unknown): Promise<Told | undefined> {
  const store = await bench.store();
  const signal = behavior === 'never settles' ? AbortSignal.timeout(100) : undefined;
  const told = await failure(store.put(id, source as Readable, { signal }));
  await store.put(id, Readable.from([CONTENT]));
  if (!(await store.getBytes(id)).equals(CONTENT)) throw new Error('the content is not right');
  return told;
}

/** Yields content a few times, and then calls another function. */
function after(count: number, then: () => never): () => Result {
  let given = 0;
  return () => (given++ < count ? { value: CONTENT } : then());
}

/** Uploads a file as multer does. */
function upload(storage: ObjectStoreStorage): Promise<unknown> {
  const file: IncomingFile = {
    fieldname: 'file',
    originalname: 'a.txt',
    mimetype: 'text/plain',
    stream: Readable.from([CONTENT]),
  };
  return new Promise((resolve, reject) => {
    storage._handleFile({} as never, file, (error, stored) => (error ? reject(error) : resolve(stored)));
  });
}

export const objectStoreHooks: readonly ServiceHook[] = [
  {
    name: 'source of put, its iterator',
    synchronous: true,
    use: (bench, misuse) => put(bench, misuse, { [Symbol.asyncIterator]: misuse.act }),
  },
  {
    name: 'source of put, its first next',
    use: (bench, misuse) => put(bench, misuse, { [Symbol.asyncIterator]: () => ({ next: misuse.act }) }),
  },
  {
    name: 'source of put, next',
    use: (bench, misuse) =>
      put(bench, misuse, { [Symbol.asyncIterator]: () => ({ next: after(3, misuse.act) }) }),
  },
  {
    name: 'source of put, a result that cannot be read',
    behaviors: OF_A_GETTER,
    use: (bench, misuse) => {
      const result = {
        get done() {
          return misuse.act() ?? true;
        },
      };
      return put(bench, misuse, {
        [Symbol.asyncIterator]: () => ({ next: after(3, () => result as never) }),
      });
    },
  },
  {
    name: 'source of put, return',
    // `return` only signals that no more values are needed; its result is ignored.
    silent: true,
    use: (bench, misuse) => {
      const next = after(1, () => ({ value: 5 }) as never);
      return put(bench, misuse, { [Symbol.asyncIterator]: () => ({ next, return: misuse.act }) });
    },
  },
  {
    name: 'source of put, a generator',
    behaviors: ['throws', 'rejects', 'throws an unprintable value', 'returns rubbish'],
    use: (bench, misuse) =>
      put(
        bench,
        misuse,
        (async function* () {
          yield CONTENT;
          // oxlint-disable-next-line typescript/await-thenable -- it returns what it likes
          yield await misuse.act();
        })(),
      ),
  },
  {
    name: 'source of put, read of a stream',
    synchronous: true,
    behaviors: ['throws', 'throws an unprintable value'],
    use: (bench, misuse) => put(bench, misuse, new Readable({ read: misuse.act })),
  },
  {
    name: 'source of put, a stream that ends with an error',
    behaviors: ['throws'],
    use: (bench, misuse) => {
      const stream = new Readable({ read: () => undefined });
      stream.push(CONTENT);
      setTimeout(() => stream.destroy(new Error(misuse.cause)), 20);
      // An error before the put has to be handled by the owner of the stream.
      stream.on('error', () => undefined);
      return put(bench, misuse, stream);
    },
  },
  {
    name: 'source of put, a stream that never ends',
    behaviors: ['never settles'],
    use: (bench, misuse) => put(bench, misuse, new Readable({ read: () => undefined })),
  },
  {
    name: 'source of put, a web stream',
    use: (bench, misuse) => {
      // A pull that enqueues nothing is not called again, so the stream never ends.
      const hangs = !['throws', 'rejects', 'returns a thenable that throws'].includes(misuse.behavior);
      const stream = new ReadableStream({ pull: misuse.act });
      return put(bench, hangs ? { ...misuse, behavior: 'never settles' } : misuse, stream);
    },
  },
  {
    name: 'source of put, cancel of a web stream',
    silent: true,
    use: (bench, misuse) =>
      put(
        bench,
        misuse,
        new ReadableStream({ start: (controller) => controller.enqueue(5), cancel: misuse.act }),
      ),
  },
  {
    name: 'meta of put, a getter',
    behaviors: OF_A_GETTER,
    async use(bench, { id, act }) {
      const store = await bench.store();
      const meta = {
        name: id,
        get description() {
          return act();
        },
      };
      return failure(store.put(meta, Readable.from([CONTENT])));
    },
  },
  {
    name: 'describe of an upload',
    use: async (bench, misuse) => {
      const store = await bench.store();
      const uploading = failure(upload(new ObjectStoreStorage(store, { describe: misuse.act })));
      const told = misuse.behavior === 'never settles' ? undefined : await uploading;
      await upload(new ObjectStoreStorage(store, { describe: () => misuse.id }));
      return told;
    },
  },
];
