/* oxlint-disable unicorn/no-thenable, typescript/only-throw-error -- what users must not do is tested here */
import { Logger } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { ConnectionClosedError, InvalidArgumentError } from '../../../lib/errors/index.js';
import type {
  Consumption,
  JetStreamMessage,
  ConsumeCallback,
  OrderedPullOptions,
  PullOptions,
  Stream,
} from '../../../lib/jetstream/index.js';
import { JetStreamService } from 'nestjs-nats-jetstream';
import type { NatsTestServer } from '../../../lib/testing/index.js';
import { startApplication } from '../../support/application.js';
import { ConnectedJetStream, startServer, uniqueName } from '../streams/connected-jetstream.js';

let server: NatsTestServer;
let connected: ConnectedJetStream;
let stream: Stream;
let streamName = '';

beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());
beforeEach(async () => {
  streamName = uniqueName();
  connected = await ConnectedJetStream.connect(server.url);
  stream = await connected.jetstream.createStream({
    name: streamName,
    subjects: [`${streamName}.>`],
    storage: 'memory',
  });
});
afterEach(async () => {
  vi.restoreAllMocks();
  await connected[Symbol.asyncDispose]();
});

type Consume = (handler: ConsumeCallback, options?: PullOptions) => Consumption;

async function pull(): Promise<Consume> {
  const consumer = await stream.createConsumer({ durable: 'pull' });
  return (handler, options) => consumer.consume(handler, options);
}

async function push(): Promise<Consume> {
  const config = { durable: 'push', deliverSubject: `deliver.${streamName}`, idleHeartbeat: 1_000 };
  const consumer = await stream.createPushConsumer({ ...config, flowControl: true });
  return (handler, options) => consumer.consume(handler, options);
}

async function ordered(): Promise<Consume> {
  const consumer = await stream.orderedConsumer();
  return (handler, options) => consumer.consume(handler, options as OrderedPullOptions);
}

const forms = [
  ['pull', pull],
  ['push', push],
  ['ordered', ordered],
] as const;

async function publish(count: number): Promise<void> {
  await connected.publish(`${streamName}.a`, count);
}

describe.each(forms)('a callback of consume() on a %s consumer', (form, create) => {
  const acknowledge = (message: JetStreamMessage): void => {
    if (form !== 'ordered') message.ack();
  };

  it.each<[string, (message: JetStreamMessage) => unknown]>([
    ['a value', () => 7],
    ['null', () => null],
    ['a function', () => () => undefined],
    ['an object with a then that is not a function', () => ({ then: 1 })],
    ['a thenable', () => ({ then: (resolve: () => void) => setTimeout(resolve, 1) })],
    [
      'a thenable that calls back at once, twice',
      () => ({
        then: (resolve: () => void) => {
          resolve();
          resolve();
        },
      }),
    ],
    ['a proxy', () => new Proxy({}, {})],
  ])('can return %s', async (_, result) => {
    const consume = await create();
    await publish(3);
    const errors: Error[] = [];
    let count = 0;
    await using _consumption = consume(
      (message) => {
        count++;
        acknowledge(message);
        return result(message);
      },
      { onError: (error) => void errors.push(error) },
    );
    await expect.poll(() => count).toBe(3);
    expect(errors).toEqual([]);
  });

  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('no');
      },
    ],
    [
      'throws undefined',
      () => {
        throw undefined;
      },
    ],
    [
      'throws an object without a prototype',
      () => {
        throw Object.create(null);
      },
    ],
    ['rejects', () => Promise.reject(new Error('no'))],
    ['rejects with undefined', () => Promise.reject()],
    [
      'returns a thenable that rejects',
      () => ({ then: (_: unknown, reject: (e: unknown) => void) => reject('no') }),
    ],
    [
      'returns a thenable whose then throws',
      () => ({
        then: () => {
          throw new Error('no');
        },
      }),
    ],
    [
      'returns an object whose then cannot be read',
      () => ({
        get then() {
          throw new Error('no');
        },
      }),
    ],
    [
      'returns a proxy that was revoked',
      () => {
        const { proxy, revoke } = Proxy.revocable({}, {});
        revoke();
        return proxy;
      },
    ],
  ])('that %s is reported for each message, and the next messages are delivered', async (_, fail) => {
    const consume = await create();
    await publish(3);
    const errors: Error[] = [];
    let count = 0;
    await using _consumption = consume(
      (message) => {
        count++;
        acknowledge(message);
        return fail();
      },
      { onError: (error) => void errors.push(error) },
    );
    await expect.poll(() => errors.length).toBe(3);
    expect(count).toBe(3);
    for (const error of errors) expect(error).toBeInstanceOf(Error);
  });

  it('is logged with its message if it fails and there is no onError', async () => {
    const warn = vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    const consume = await create();
    await publish(1);
    await using _consumption = consume((message) => {
      acknowledge(message);
      throw new Error('no stock');
    });
    await expect.poll(() => warn.mock.calls.length).toBe(1);
    expect(warn.mock.calls[0][0]).toMatch(
      new RegExp(`callback.*"${streamName}.a".*stream "${streamName}".*sequence 1.*no stock`, 's'),
    );
  });

  it.each<[string, (error: Error) => unknown]>([
    [
      'throws',
      () => {
        throw new Error('reporting failed');
      },
    ],
    ['rejects', () => Promise.reject(new Error('reporting failed'))],
    [
      'returns a thenable that rejects',
      () => ({ then: (_: unknown, reject: (e: unknown) => void) => reject(new Error('reporting failed')) }),
    ],
    [
      'returns an object whose then throws',
      () => ({
        get then() {
          throw new Error('reporting failed');
        },
      }),
    ],
  ])('continues if onError %s', async (_, onError) => {
    const logged = vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    const consume = await create();
    await publish(3);
    let count = 0;
    await using _consumption = consume(
      (message) => {
        count++;
        acknowledge(message);
        throw new Error('no');
      },
      { onError },
    );
    await expect.poll(() => count).toBe(3);
    await expect.poll(() => logged.mock.calls.length).toBeGreaterThan(0);
    expect(String(logged.mock.calls[0][0])).toContain('reporting failed');
  });

  it.each<[string, (consumption: Consumption) => unknown]>([
    ['stop()', (consumption) => consumption.stop()],
    ['stop(), twice', (consumption) => [consumption.stop(), consumption.stop()]],
    ['drain()', (consumption) => void consumption.drain()],
    ['drain() and stop()', (consumption) => [consumption.drain(), consumption.stop()]],
    ['stop() and drain()', (consumption) => [consumption.stop(), consumption.drain()]],
    [
      'stop() before it throws',
      (consumption) => {
        void consumption.stop();
        throw new Error('no');
      },
    ],
  ])('can call %s: closed resolves, and the consumer can be consumed again', async (_, end) => {
    const consume = await create();
    await publish(2);
    const consumption: Consumption = consume(
      (message) => {
        acknowledge(message);
        end(consumption);
      },
      { onError: () => undefined },
    );
    expect(await consumption.closed).toBeUndefined();
    await consumption.stop();
    await consumption.drain();
    if (form === 'ordered') return;
    let again = 0;
    await using _second = consume((message) => {
      again++;
      message.ack();
    });
    await publish(1);
    await expect.poll(() => again).toBeGreaterThan(0);
  });

  it.each<[string, (consumption: Consumption) => unknown]>([
    ['stop()', (consumption) => consumption.stop()],
    ['drain()', (consumption) => void consumption.drain()],
  ])('can call %s in onError', async (_, end) => {
    const consume = await create();
    await publish(2);
    const consumption: Consumption = consume(
      () => {
        throw new Error('no');
      },
      { onError: () => end(consumption) },
    );
    expect(await consumption.closed).toBeUndefined();
  });

  it.each(['connection', 'application'])('can end while the %s ends', async (what) => {
    const application = await startApplication(server.url, {});
    const end = what === 'connection' ? () => connected.nc.drain() : () => application.app.close();
    if (what === 'application') stream = await application.app.get(JetStreamService).stream(streamName);
    const consume = await create();
    await publish(600);
    const errors: Error[] = [];
    let arrived = (): void => undefined;
    const first = new Promise<void>((resolve) => (arrived = resolve));
    let finish = (): void => undefined;
    const gate = new Promise<void>((resolve) => (finish = resolve));
    const consumption = consume(
      async (message) => {
        arrived();
        await gate;
        acknowledge(message);
      },
      { onError: (error) => void errors.push(error), maxMessages: form === 'push' ? undefined : 4 },
    );
    await first;
    const ended = end();
    finish();
    await ended;
    expect(await consumption.closed).toBeInstanceOf(ConnectionClosedError);
    expect(errors.every((error) => error instanceof ConnectionClosedError)).toBe(true);
    await application.app.close();
  });

  it.each<[string, unknown, unknown]>([
    ['handler', undefined, undefined],
    ['handler', null, undefined],
    ['handler', 'ack', undefined],
    ['handler', {}, undefined],
    ['onError', () => undefined, { onError: 'log' }],
    ['options', () => undefined, null],
    ['options', () => undefined, 'fast'],
  ])(
    'is rejected with the name of the argument if %s is wrong: %s, %s',
    async (argument, handler, options) => {
      const consume = await create();
      const call = (): unknown => consume(handler as ConsumeCallback, options as PullOptions);
      expect(call).toThrow(InvalidArgumentError);
      expect(call).toThrow(`Invalid ${argument}`);
      // Nothing was started, so the consumer is still free.
      await using _ = consume(() => undefined);
    },
  );

  it('is rejected on a closed or draining connection', async () => {
    const consume = await create();
    const draining = connected.nc.drain();
    expect(() => consume(() => undefined)).toThrow(ConnectionClosedError);
    await draining;
    expect(() => consume(() => undefined)).toThrow(ConnectionClosedError);
  });
});
