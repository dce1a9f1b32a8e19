import { connect, type NatsConnection } from '@nats-io/transport-node';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ConnectionClosedError,
  IngestInterruptedError,
  InvalidArgumentError,
} from '../../../lib/errors/index.js';
import { ConnectedPublisher, failure } from './connected-publisher.js';

const message = { subject: 'bulk', data: 'x' };

describe('publishing with failing peers and callbacks', () => {
  let server: NatsTestServer;
  let owner: NatsConnection;

  beforeAll(async () => {
    server = await NatsTestServer.start();
    owner = await connect({ servers: server.url });
    const setup = await ConnectedPublisher.connect(server);
    await setup.createStream({ name: 'BULK', subjects: ['bulk'], allowBatchPublish: true });
    await setup[Symbol.asyncDispose]();
  });
  afterAll(async () => {
    await owner.close();
    await server.stop();
  });

  it.each(['publish', 'publishAsync', 'publishBatch'] as const)(
    'a %s that waits for its next attempt ends when the connection closes',
    async (kind) => {
      const client = await ConnectedPublisher.connect(server);
      const { publisher } = client;
      const options = { timeout: 3_600_000, retry: { wait: 1_800_000, attempts: 2 } };
      const publishes = {
        publish: () => publisher.publish('nowhere', 'x', options),
        publishAsync: () => publisher.publishAsync('nowhere', 'x', options).ack,
        publishBatch: () => publisher.publishBatch([{ subject: 'nowhere', data: 'x' }], options),
      };
      const failed = failure(publishes[kind]());
      await client.nc.flush();
      await client.nc.flush();
      await client.nc.close();
      expect(await failed).toBeInstanceOf(ConnectionClosedError);
    },
  );

  it('a publish that waits for its next attempt ends when its signal aborts', async () => {
    await using client = await ConnectedPublisher.connect(server);
    const abort = new AbortController();
    const options = { timeout: 3_600_000, retry: { wait: 1_800_000 }, signal: abort.signal };
    const failed = failure(client.publisher.publish('nowhere', 'x', options));
    await client.nc.flush();
    await client.nc.flush();
    abort.abort(new Error('no time'));
    expect((await failed).message).toBe('no time');
  });

  it.each([
    ['throw', () => thrower()],
    ['reject', () => Promise.reject(new Error('rejected'))],
    // oxlint-disable-next-line unicorn/no-thenable -- this is what is tested
    ['return a thenable that throws', () => ({ then: () => thrower() })],
  ])('onAck and onError that %s do no harm', async (_, callback) => {
    const report = callback as unknown as () => void;
    await using client = await ConnectedPublisher.connect(server, {
      onAck: report,
      onError: report,
      retry: { attempts: 0 },
    });
    client.publisher.publishAsync('bulk', 'x');
    client.publisher.publishAsync('nowhere', 'x');
    await client.publisher.publishAsyncComplete();
    expect((await client.publisher.publish('bulk', 'x')).stream).toBe('BULK');
  });

  describe('an ingest', () => {
    async function* then(end: () => unknown): AsyncGenerator<typeof message> {
      yield message;
      await end();
    }

    it.each([undefined, null, 1, {}, 'text'])('rejects the source %s', async (source) => {
      await using client = await ConnectedPublisher.connect(server);
      expect(await failure(client.publisher.ingest(source as never))).toBeInstanceOf(InvalidArgumentError);
    });

    it.each([
      ['an error', new Error('broken')],
      ['text', 'broken'],
      ['nothing', undefined],
    ])('ends if its source throws %s', async (_, thrown) => {
      await using client = await ConnectedPublisher.connect(server);
      const source = then(() => thrower(thrown));
      const error = await failure(client.publisher.ingest(source));
      expect(error).toBeInstanceOf(IngestInterruptedError);
      expect(error).toMatchObject({ stored: 1 });
    });

    it.each([
      ['nothing', undefined],
      ['null', null],
      ['a number', 1],
      ['a message without a subject', { data: 1 }],
    ])('ends if its source yields %s', async (_, rubbish) => {
      await using client = await ConnectedPublisher.connect(server);
      for (const source of [
        [message, rubbish],
        (async function* () {
          yield message;
          yield rubbish;
        })(),
      ]) {
        expect(await failure(client.publisher.ingest(source as never))).toBeInstanceOf(
          IngestInterruptedError,
        );
      }
    });

    it.each([
      ['throws', () => thrower()],
      ['rejects', () => Promise.reject(new Error('no'))],
      ['never settles', () => new Promise(() => undefined)],
      ['returns rubbish', () => 1],
    ])('ends even if the return of its source %s', async (_, end) => {
      await using client = await ConnectedPublisher.connect(server);
      let count = 0;
      const source = {
        [Symbol.asyncIterator]: () => ({
          next: () => Promise.resolve({ done: false, value: count++ === 0 ? message : 1 }),
          return: end,
        }),
      };
      expect(await failure(client.publisher.ingest(source as never))).toBeInstanceOf(IngestInterruptedError);
    });

    it.each([0, 1])(
      'ends when the connection closes while its source waits, after %d messages',
      async (n) => {
        const client = await ConnectedPublisher.connect(server);
        let waits: () => void = () => undefined;
        const waiting = new Promise<void>((resolve) => (waits = resolve));
        const source = (async function* () {
          for (let i = 0; i < n; i++) yield message;
          waits();
          await new Promise(() => undefined);
        })();
        const failed = failure(client.publisher.ingest(source));
        await waiting;
        await client.nc.close();
        const error = await failed;
        expect(n === 0 ? error : error.cause).toBeInstanceOf(ConnectionClosedError);
      },
    );

    it('ends when its signal aborts while its source waits', async () => {
      await using client = await ConnectedPublisher.connect(server);
      const abort = new AbortController();
      const source = then(() => {
        abort.abort(new Error('enough'));
        return new Promise(() => undefined);
      });
      const error = await failure(client.publisher.ingest(source, { signal: abort.signal }));
      expect(error.cause).toMatchObject({ message: 'enough' });
    });
  });
});

function thrower(thrown: unknown = new Error('callback')): never {
  throw thrown;
}
