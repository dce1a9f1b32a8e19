import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  InvalidArgumentError,
  InvalidSubjectError,
  StreamFeatureDisabledError,
  StreamNotFoundError,
} from '../../../lib/errors/index.js';
import { ConnectedPublisher, failure } from './connected-publisher.js';

let server: NatsTestServer;
let client: ConnectedPublisher;

beforeAll(async () => {
  server = await NatsTestServer.start();
  client = await ConnectedPublisher.connect(server);
  await client.createStream({ subjects: ['hits.>'], allowMessageCounter: true, allowDirect: true });
});
afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await server.stop();
});

describe('increment', () => {
  it('adds to the counter and resolves with its value', async () => {
    const { publisher } = client;
    expect(await publisher.increment('hits.home')).toBe(1n);
    expect(await publisher.increment('hits.home', 41)).toBe(42n);
    expect(await publisher.increment('hits.home', -2)).toBe(40n);
    expect(await publisher.increment('hits.home', 0)).toBe(40n);
    expect(await publisher.increment('hits.about', 7)).toBe(7n);
  });

  it('is exact beyond the range of a number', async () => {
    const large = 10n ** 40n;
    expect(await client.publisher.increment('hits.large', large)).toBe(large);
    expect(await client.publisher.increment('hits.large', -large - 1n)).toBe(-1n);
  });

  it('counts all concurrent increments', async () => {
    const values = await Promise.all(
      Array.from({ length: 500 }, () => client.publisher.increment('hits.many', 2)),
    );
    expect(new Set(values).size).toBe(500);
    expect(await client.publisher.counter('hits.many')).toMatchObject({ value: 1_000n });
  });

  it('with a message id adds once', async () => {
    const increment = () => client.publisher.increment('hits.once', 5, { messageId: 'visit-1' });
    expect(await increment()).toBe(5n);
    expect(await increment()).toBe(5n);
    expect(await client.publisher.counter('hits.once')).toMatchObject({ value: 5n });
  });

  it('rejects values that are not whole numbers, before anything is sent', async () => {
    for (const by of [0.5, Number.NaN, Infinity, 2 ** 53]) {
      const error = await failure(client.publisher.increment('hits.home', by));
      expect(error).toMatchObject({ constructor: InvalidArgumentError, argument: 'by' });
    }
    expect(await failure(client.publisher.increment('hits.*', 1))).toBeInstanceOf(InvalidSubjectError);
  });

  it('is rejected by a stream that does not allow it', async () => {
    const { name } = await client.createStream();
    const error = await failure(client.publisher.increment(`${name.toLowerCase()}.a`));
    expect(error).toMatchObject({ constructor: StreamFeatureDisabledError, option: 'allowMessageCounter' });
  });
});

describe('counter', () => {
  it('reads value and last increment', async () => {
    await client.publisher.increment('hits.read', 10);
    await client.publisher.increment('hits.read', -3);
    expect(await client.publisher.counter('hits.read')).toEqual({
      subject: 'hits.read',
      value: 7n,
      increment: -3n,
      sources: {},
    });
  });

  it('reports the contribution of each source of its stream', async () => {
    const names = ['EU', 'US'];
    for (const name of names) {
      await client.createStream({
        name,
        subjects: [`count.${name}`],
        allowMessageCounter: true,
        allowDirect: true,
      });
      await client.publisher.increment(`count.${name}`, name === 'EU' ? 5 : 6);
    }
    await client.createStream({
      name: 'WORLD',
      subjects: ['count.local'],
      sources: names.map((name) => ({
        name,
        subjectTransforms: [{ source: `count.${name}`, destination: 'count.total' }],
      })),
      allowMessageCounter: true,
      allowDirect: true,
    });
    await client.jetstream.updateStream({
      ...(await client.jetstream.stream('WORLD')).cachedInfo.config,
      subjects: ['count.local', 'count.total'],
    });
    await expect
      .poll(() => client.publisher.counter('count.total'), { timeout: 10_000 })
      .toMatchObject({
        value: 11n,
        sources: { EU: { 'count.EU': 5n }, US: { 'count.US': 6n } },
      });
  });

  it('is undefined if nothing was ever added', async () => {
    expect(await client.publisher.counter('hits.never')).toBeUndefined();
  });

  it('requires a stream and one subject', async () => {
    expect(await failure(client.publisher.counter('nowhere'))).toBeInstanceOf(StreamNotFoundError);
    expect(await failure(client.publisher.counter('hits.*'))).toBeInstanceOf(InvalidSubjectError);
  });
});
