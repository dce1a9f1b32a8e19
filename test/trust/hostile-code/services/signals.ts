import { setTimeout as sleep } from 'node:timers/promises';
import { failure, type Bench, type Misuse, type ServiceHook } from './bench.js';

/** Signals with one property that misbehaves: it calls `act`. */
const SIGNALS: Readonly<Record<string, (act: () => never) => Partial<AbortSignal>>> = {
  addEventListener: (act) => ({
    aborted: false,
    addEventListener: act,
    removeEventListener: () => undefined,
  }),
  removeEventListener: (act) => ({
    aborted: false,
    addEventListener: () => undefined,
    removeEventListener: act,
  }),
  aborted: (act) => ({
    get aborted() {
      return act();
    },
    addEventListener: () => undefined,
    removeEventListener: () => undefined,
  }),
  reason: (act) => {
    const target = new EventTarget();
    let aborted = false;
    setTimeout(() => {
      aborted = true;
      target.dispatchEvent(new Event('abort'));
    }, 20);
    return {
      get aborted() {
        return aborted;
      },
      get reason() {
        return act();
      },
      addEventListener: target.addEventListener.bind(target),
      removeEventListener: target.removeEventListener.bind(target),
    };
  },
};

/** An operation with an optional signal. Resolves soon, with or without one. */
type Operation = (bench: Bench, misuse: Misuse, signal: AbortSignal | undefined) => Promise<unknown>;

const OPERATIONS: Readonly<Record<string, Operation>> = {
  publish: ({ jetstream }, { id }, signal) => jetstream.publish(`plain.${id}`, id, { signal }),
  'publish without a stream': ({ jetstream }, _, signal) =>
    jetstream.publish('nowhere', 1, { signal, timeout: 300, retry: { attempts: 1, wait: 100 } }),
  publishAsync: async ({ jetstream }, { id }, signal) =>
    jetstream.publishAsync(`plain.${id}`, id, { signal }).ack,
  publishBatch: ({ jetstream }, { id }, signal) =>
    jetstream.publishBatch(
      [
        { subject: 'bulk.a', data: id },
        { subject: 'bulk.a', data: id },
      ],
      { signal },
    ),
  'ingest of a list': ({ jetstream }, { id }, signal) =>
    jetstream.ingest([{ subject: 'bulk.a', data: id }], { signal }),
  'ingest of a slow source': ({ jetstream }, { id }, signal) =>
    jetstream.ingest(slowly({ subject: 'bulk.a', data: id }), { signal }),
  request: ({ jetstream }, __, signal) => jetstream.requests.request('silent', '', { signal, timeout: 100 }),
  fetch: async ({ jetstream }, { id }, signal) => {
    const consumer = await jetstream.createConsumer('PLAIN', { filterSubjects: [`plain.${id}`] });
    const batch = consumer.fetch(1, { signal, maxWait: 100 });
    for await (const message of batch) message.ack();
    if (batch.error) throw batch.error;
  },
  'fetch of an ordered consumer': async ({ jetstream }, { id }, signal) => {
    const consumer = await jetstream.orderedConsumer('PLAIN', { filterSubjects: [`plain.${id}`] });
    const batch = consumer.fetch(1, { signal, maxWait: 100 });
    for await (const message of batch) message.text();
    if (batch.error) throw batch.error;
  },
  'next of messages()': async ({ jetstream }, { id }, signal) => {
    const consumer = await jetstream.createConsumer('PLAIN', { filterSubjects: [`plain.${id}`] });
    const messages = consumer.messages();
    try {
      await messages.next({ signal, maxWait: 100 });
      setTimeout(() => void jetstream.publish(`plain.${id}`, id), 20);
      (await messages.next({ signal, maxWait: 5_000 }))?.ack();
    } finally {
      await messages.stop();
    }
  },
  lock: async (bench, { id }, signal) => {
    const lock = await (await bench.bucket()).lock(id, { signal, ttl: 1_000 });
    await lock.release();
  },
  'lock that waits': async (bench, { id }, signal) => {
    const bucket = await bench.bucket();
    await using _ = await bucket.lock(`${id}.taken`);
    await bucket.lock(`${id}.taken`, { signal, wait: 100 }).catch((error: unknown) => {
      if (signal) throw error;
    });
  },
  put: async (bench, { id }, signal) => (await bench.store()).putString(id, 'content', { signal }),
  'put of a stream': async (bench, { id }, signal) =>
    (await bench.store()).put(id, slowly(Buffer.from('content')), { signal }),
  get: async (bench, { id }, signal) => {
    const store = await bench.store();
    await store.putString(id, 'content');
    for await (const _ of await store.get(id, { signal }));
  },
  getBytes: async (bench, { id }, signal) => {
    const store = await bench.store();
    await store.putString(id, 'content');
    await store.getBytes(id, { signal });
  },
};

async function* slowly<T>(...items: readonly T[]): AsyncGenerator<T> {
  for (const item of items) {
    await sleep(30);
    yield item;
  }
}

export const signalHooks: readonly ServiceHook[] = Object.entries(OPERATIONS).flatMap(([operation, run]) => [
  ...Object.entries(SIGNALS).map(([property, make]): ServiceHook => ({
    name: `signal of ${operation}: ${property}`,
    behaviors: ['throws', 'throws an unprintable value', 'returns rubbish'],
    // Errors of removeEventListener, and of a reason that is not read, do not have to be reported.
    silent: property === 'removeEventListener' || property === 'reason' || operation === 'ingest of a list',
    async use(bench, misuse) {
      const told = await failure(run(bench, misuse, make(misuse.act) as AbortSignal));
      await failure(run(bench, misuse, undefined));
      return told;
    },
  })),
  {
    name: `signal of ${operation}: aborted before`,
    behaviors: ['throws'],
    async use(bench, misuse) {
      const told = await failure(run(bench, misuse, AbortSignal.abort(new Error(misuse.cause))));
      await failure(run(bench, misuse, undefined));
      return told;
    },
  },
  {
    name: `signal of ${operation}: none at all`,
    behaviors: ['returns rubbish'],
    async use(bench, misuse) {
      const told = await failure(run(bench, misuse, new AbortController() as never));
      await failure(run(bench, misuse, undefined));
      return told;
    },
  },
]);
