import type { IngestMessage, IngestSource } from 'nestjs-nats-jetstream';
import { eventually } from '../../../support/eventually.js';
import { OF_A_GETTER } from '../behaviors.js';
import { failure, type Bench, type Misuse, type ServiceHook, type Told } from './bench.js';

const SUBJECT = 'bulk.a';

/** A message of a bulk load. */
const message = (misuse: Misuse): IngestMessage => ({ subject: SUBJECT, data: misuse.id });

/** An iterator that yields that many messages, and then the result of `last`. */
function messages<Result>(count: number, misuse: Misuse, last: () => Result): () => Result {
  let given = 0;
  return () => (given++ < count ? ({ value: message(misuse) } as Result) : last());
}

/** Loads from a source that misbehaves, aborted soon if it hangs; then from a valid one. */
async function ingest(bench: Bench, misuse: Misuse, source: unknown): Promise<Told | undefined> {
  const { jetstream } = bench;
  const signal = misuse.behavior === 'never settles' ? AbortSignal.timeout(100) : undefined;
  const told = await failure(jetstream.ingest(source as IngestSource, { signal }));
  const { count } = await jetstream.ingest([message(misuse), message(misuse)]);
  if (count !== 2) throw new Error(`a good load sent ${count} messages`);
  return told;
}

/** Publishes with a function that misbehaves, and then with a valid one. */
async function publishing(
  { jetstream }: Bench,
  { id }: Misuse,
  publish: (subject: string) => Promise<unknown>,
): Promise<Told | undefined> {
  const told = await failure(publish(`plain.${id}`));
  await jetstream.publish(`plain.${id}`, id);
  await jetstream.publishAsyncComplete();
  return told;
}

export const publishingHooks: readonly ServiceHook[] = [
  {
    name: 'publish.onAck',
    logged: () => ['publish.onAck'],
    async use({ functions, jetstream }, { act, id }) {
      let called = 0;
      functions.onAck = () => (called++, act());
      await Promise.all([1, 2].map(() => jetstream.publishAsync(`plain.${id}`, id).ack));
      await eventually(
        () => called,
        (count) => count === 2,
      );
      functions.onAck = undefined;
      await jetstream.publishAsyncComplete();
      return undefined;
    },
  },
  {
    name: 'publish.onError',
    logged: () => ['publish.onError'],
    async use({ functions, jetstream }, { act }) {
      let called = 0;
      functions.onError = () => (called++, act());
      await Promise.all([1, 2].map(() => failure(jetstream.publishAsync('nowhere', 1).ack)));
      await eventually(
        () => called,
        (count) => count === 2,
      );
      functions.onError = undefined;
      await jetstream.publishAsyncComplete();
      return undefined;
    },
  },
  {
    name: 'publish.headers',
    synchronous: true,
    async use({ functions, jetstream }, { act, id }) {
      functions.headers = act;
      const told = await failure(jetstream.publish(`plain.${id}`, 1));
      functions.headers = undefined;
      await jetstream.publish(`plain.${id}`, 2);
      return told;
    },
  },
  {
    name: 'publish.headers, a getter',
    behaviors: OF_A_GETTER,
    async use({ functions, jetstream }, { act, id }) {
      const headers = {
        get Name() {
          return act();
        },
      };
      functions.headers = () => headers as never;
      const told = await failure((async () => jetstream.publishAsync(`plain.${id}`, 1).ack)());
      functions.headers = undefined;
      await jetstream.publish(`plain.${id}`, 2);
      return told;
    },
  },
  {
    name: 'codec of publish',
    synchronous: true,
    use: (bench, misuse) =>
      publishing(bench, misuse, (subject) =>
        bench.jetstream.publish(
          subject,
          {},
          { codec: { contentType: 'a/b', encode: misuse.act, decode: misuse.act } },
        ),
      ),
  },
  {
    name: 'codec of a stream',
    synchronous: true,
    async use({ functions, jetstream }, { act, id }) {
      functions.encode = act;
      const told = await failure(jetstream.publish(`coded.${id}`, {}));
      functions.encode = undefined;
      await jetstream.publish(`coded.${id}`, {});
      return told;
    },
  },
  {
    name: 'content type of a codec',
    behaviors: OF_A_GETTER,
    use: (bench, misuse) =>
      publishing(bench, misuse, (subject) => {
        const codec = {
          get contentType() {
            return misuse.act();
          },
          encode: () => new Uint8Array(1),
          decode: () => 1,
        };
        return bench.jetstream.publish(subject, {}, { codec });
      }),
  },
  {
    name: 'toJSON of data',
    behaviors: OF_A_GETTER,
    use: (bench, misuse) =>
      publishing(bench, misuse, (subject) => bench.jetstream.publish(subject, { toJSON: misuse.act })),
  },
  {
    name: 'headers of publish, an iterator',
    behaviors: OF_A_GETTER,
    use: (bench, misuse) =>
      publishing(bench, misuse, (subject) =>
        bench.jetstream.publish(
          subject,
          {},
          { headers: { [Symbol.iterator]: () => ({ next: misuse.act }) } as never },
        ),
      ),
  },
  {
    name: 'headers of publish, a getter',
    behaviors: OF_A_GETTER,
    use: (bench, misuse) =>
      publishing(bench, misuse, (subject) =>
        bench.jetstream.publish(
          subject,
          {},
          {
            headers: {
              get name() {
                return misuse.act();
              },
            },
          },
        ),
      ),
  },
  {
    name: 'options of publishAsync, a getter',
    behaviors: OF_A_GETTER,
    use: (bench, misuse) =>
      publishing(bench, misuse, async (subject) => {
        const options = {
          get signal() {
            return misuse.act();
          },
        };
        await bench.jetstream.publishAsync(subject, {}, options).ack;
      }),
  },
  {
    name: 'subject of a message, a getter',
    behaviors: OF_A_GETTER,
    use: (bench, misuse) =>
      publishing(bench, misuse, () =>
        bench.jetstream.publishMessage({
          get subject() {
            return misuse.act();
          },
        }),
      ),
  },
  {
    name: 'message of publishBatch, a getter',
    behaviors: OF_A_GETTER,
    async use({ jetstream }, misuse) {
      const bad = {
        subject: SUBJECT,
        get data() {
          return misuse.act();
        },
      };
      const told = await failure(jetstream.publishBatch([message(misuse), bad]));
      await jetstream.publishBatch([message(misuse), message(misuse)]);
      return told;
    },
  },
  {
    name: 'source of ingest, its asynchronous iterator',
    synchronous: true,
    use: (bench, misuse) => ingest(bench, misuse, { [Symbol.asyncIterator]: misuse.act }),
  },
  {
    name: 'source of ingest, next',
    use: (bench, misuse) =>
      ingest(bench, misuse, { [Symbol.asyncIterator]: () => ({ next: messages(3, misuse, misuse.act) }) }),
  },
  {
    name: 'source of ingest, its first next',
    use: (bench, misuse) => ingest(bench, misuse, { [Symbol.asyncIterator]: () => ({ next: misuse.act }) }),
  },
  {
    name: 'source of ingest, a result that cannot be read',
    behaviors: OF_A_GETTER,
    use: (bench, misuse) =>
      ingest(bench, misuse, {
        [Symbol.asyncIterator]: () => ({
          next: messages(3, misuse, () => ({
            get done() {
              return misuse.act() ?? true;
            },
          })),
        }),
      }),
  },
  {
    name: 'source of ingest, return',
    logged: () => ['source of an ingest'],
    async use(bench, misuse) {
      const next = messages(3, misuse, () => ({ value: 'rubbish' as never }));
      await ingest(bench, misuse, { [Symbol.asyncIterator]: () => ({ next, return: misuse.act }) });
      return undefined;
    },
  },
  {
    name: 'source of ingest, its iterator',
    synchronous: true,
    use: (bench, misuse) => ingest(bench, misuse, { [Symbol.iterator]: misuse.act }),
  },
  {
    name: 'source of ingest, next of an iterator',
    synchronous: true,
    use: (bench, misuse) => {
      const rubbish = (): never => misuse.act() ?? { done: true };
      return ingest(bench, misuse, { [Symbol.iterator]: () => ({ next: messages(3, misuse, rubbish) }) });
    },
  },
  {
    name: 'source of ingest, a message that cannot be read',
    behaviors: OF_A_GETTER,
    use: (bench, misuse) =>
      ingest(bench, misuse, [
        message(misuse),
        {
          subject: SUBJECT,
          get data() {
            return misuse.act();
          },
        },
      ]),
  },
  {
    name: 'onRefused of ingest',
    logged: () => ['onRefused of an ingest'],
    async use({ jetstream }, misuse) {
      const refused = { ...message(misuse), expect: { lastSequence: 999_999 } };
      const onRefused = misuse.act;
      await jetstream.ingest([message(misuse), refused, refused], { allowGaps: true, onRefused });
      return undefined;
    },
  },
  {
    name: 'onGap of ingest',
    logged: () => ['onGap of an ingest'],
    async use({ jetstream }, misuse) {
      const { wire } = jetstream.connection;
      const publish = wire.publish.bind(wire);
      let sent = 0;
      // As if two messages were lost with a connection.
      wire.publish = (subject, ...rest) => {
        if (subject !== SUBJECT || ![4, 6].includes(++sent)) publish(subject, ...rest);
      };
      try {
        const source = Array.from({ length: 10 }, () => message(misuse));
        await jetstream.ingest(source, { allowGaps: true, onGap: misuse.act });
      } finally {
        wire.publish = publish;
      }
      return undefined;
    },
  },
];
