import { setTimeout as sleep } from 'node:timers/promises';
import type { KeyLock, KeyValueEntry } from 'nestjs-nats-jetstream';
import { eventually } from '../../../support/eventually.js';
import { OF_A_GETTER } from '../behaviors.js';
import { failure, type Bench, type Misuse, type ServiceHook, type Told } from './bench.js';

/** Follows a key with an owner that misbehaves in one of its functions; resolves with the error passed to `onError`. */
async function follow(
  bench: Bench,
  { id, behavior, act }: Misuse,
  hostile: 'onEntry' | 'onInitialized',
): Promise<Told | undefined> {
  const bucket = await bench.bucket();
  await bucket.put(id, 1);
  const errors: unknown[] = [];
  const watcher = await bucket.follow(
    id,
    {},
    {
      onEntry: () => undefined,
      onError: (error) => void errors.push(error),
      [hostile]: act,
    },
  );
  const ends = !['returns rubbish', 'enters a storage', 'never settles', CALLS_BACK].includes(behavior);
  if (ends)
    await eventually(
      () => errors.length,
      (count) => count === 1,
    );
  // A change that is never handled cannot be awaited.
  if (behavior === 'never settles') void watcher.stop();
  else await watcher.stop();
  return { error: errors[0] };
}
const CALLS_BACK = 'returns a thenable that calls back twice';

/** Ends a lock whose signal has a listener that misbehaves. */
async function lockWith(
  bench: Bench,
  { id }: Misuse,
  listen: (signal: AbortSignal) => void,
): Promise<undefined> {
  const bucket = await bench.bucket();
  const lock = await bucket.lock(id, { ttl: 5_000 });
  let heard = 0;
  listen(lock.signal);
  lock.signal.addEventListener('abort', () => heard++);
  await lock.release();
  if (heard !== 1) throw new Error('the other listener heard nothing');
  const again = await bucket.lock(id, { ttl: 5_000, wait: 1_000 });
  await again.release();
  // Node would throw the error of a listener in a later turn.
  await sleep(5);
  return undefined;
}

export const keyValueHooks: readonly ServiceHook[] = [
  {
    name: 'function of modify',
    async use(bench, misuse) {
      const bucket = await bench.bucket();
      const modification = failure(bucket.modify(misuse.id, misuse.act));
      const told = misuse.behavior === 'never settles' ? undefined : await modification;
      await bucket.modify(misuse.id, () => 2);
      return told;
    },
  },
  {
    name: 'codec of a bucket, encode',
    synchronous: true,
    async use(bench, { id, act }) {
      const bucket = await bench.bucket('coded');
      bench.functions.encode = act;
      const told = await failure(bucket.put(id, 1));
      await failure(bucket.update(id, 1, 0));
      bench.functions.encode = undefined;
      await bucket.put(id, 1);
      return told;
    },
  },
  {
    name: 'codec of a bucket, decode',
    synchronous: true,
    async use(bench, { id, act }) {
      const bucket = await bench.bucket('coded');
      await bucket.put(id, 1);
      bench.functions.decode = act;
      const told = await failure(bucket.get(id).then((entry) => void entry?.value));
      await failure(bucket.modify(id, () => 2));
      bench.functions.decode = undefined;
      if ((await bucket.get(id))?.value === undefined) throw new Error('there is no value');
      return told;
    },
  },
  {
    name: 'codec of a bucket, in a watch',
    synchronous: true,
    async use(bench, { id, act }) {
      const bucket = await bench.bucket('coded');
      await bucket.put(id, 1);
      bench.functions.decode = act;
      const entries: KeyValueEntry<unknown>[] = [];
      const told = await failure(
        (async () => {
          for await (const entry of await bucket.watch(id)) {
            entries.push(entry);
            void entry.value;
            break;
          }
        })(),
      );
      bench.functions.decode = undefined;
      if (entries[0].text() !== '1') throw new Error('there is no value');
      return told;
    },
  },
  {
    name: 'onEntry of follow',
    use: (bench, misuse) => follow(bench, misuse, 'onEntry'),
  },
  {
    name: 'onInitialized of follow',
    use: (bench, misuse) => follow(bench, misuse, 'onInitialized'),
  },
  {
    name: 'onError of follow',
    logged: () => ['onError', 'bucket "plain"'],
    async use(bench, { id, act }) {
      const bucket = await bench.bucket();
      await bucket.put(id, 1);
      let called = 0;
      const watcher = await bucket.follow(
        id,
        {},
        {
          onEntry: () => {
            throw new Error('for onError');
          },
          onError: () => (called++, act()),
        },
      );
      await eventually(
        () => called,
        (count) => count === 1,
      );
      await watcher.stop();
      return undefined;
    },
  },
  {
    name: 'onElected of an election',
    logged: ({ id }) => ['onElected', id],
    async use(bench, { id, act }) {
      const bucket = await bench.bucket();
      let elected = 0;
      await using election = bucket.elect(id, { ttl: 5_000, onElected: () => (elected++, act()) });
      await eventually(
        () => elected,
        (count) => count === 1,
      );
      if (!election.isLeader) throw new Error('it does not lead');
      return undefined;
    },
  },
  {
    name: 'onDeposed of an election',
    logged: ({ id }) => ['onDeposed', id],
    async use(bench, { id, act }) {
      const bucket = await bench.bucket();
      let deposed = 0;
      const locks: KeyLock[] = [];
      const options = { onElected: (lock: KeyLock) => locks.push(lock), onDeposed: () => (deposed++, act()) };
      await using election = bucket.elect(id, { ttl: 5_000, ...options });
      await eventually(
        () => locks.length,
        (count) => count === 1,
      );
      await locks[0].release();
      await eventually(
        () => deposed,
        (count) => count === 1,
      );
      // It competes again.
      await eventually(() => election.isLeader, Boolean);
      return undefined;
    },
  },
  {
    name: 'functions of an election, a getter',
    behaviors: OF_A_GETTER,
    async use(bench, { id, act }) {
      const options = {
        ttl: 5_000,
        get onElected() {
          return act();
        },
      };
      const bucket = await bench.bucket();
      const taking = async (): Promise<void> => {
        await using election = bucket.elect(id, options);
        await eventually(() => election.isLeader, Boolean);
      };
      return failure(taking());
    },
  },
  {
    name: 'listener of the signal of a lock',
    logged: ({ id }) => ['listener', id],
    use: (bench, misuse) => lockWith(bench, misuse, (signal) => signal.addEventListener('abort', misuse.act)),
  },
  {
    name: 'listener of the signal of a lock, an object',
    logged: ({ id }) => ['listener', id],
    use: (bench, misuse) =>
      lockWith(bench, misuse, (signal) => signal.addEventListener('abort', { handleEvent: misuse.act })),
  },
  {
    name: 'onabort of the signal of a lock',
    logged: ({ id }) => ['listener', id],
    use: (bench, misuse) =>
      // oxlint-disable-next-line unicorn/prefer-add-event-listener -- this is what is tested
      lockWith(bench, misuse, (signal) => void (signal.onabort = misuse.act)),
  },
  {
    name: 'filters of a watch, an iterator',
    behaviors: OF_A_GETTER,
    async use(bench, { act }) {
      const bucket = await bench.bucket();
      return failure(bucket.watch({ length: 1, [Symbol.iterator]: () => ({ next: act }) } as never));
    },
  },
];
