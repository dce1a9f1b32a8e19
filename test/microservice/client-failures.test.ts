import { Test } from '@nestjs/testing';
import type { ClientProxy } from '@nestjs/microservices';
import { JetStreamError, jsonCodec, type Codec } from 'nestjs-nats-jetstream';
import {
  JetStreamClient,
  JetStreamRecord,
  JetStreamRecordBuilder,
  type JetStreamClientOptions,
} from 'nestjs-nats-jetstream/microservice';
import { connect, headers, type NatsConnection } from 'nestjs-nats-jetstream/nats';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { firstValueFrom } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { LogRecorder } from '../support/log-recorder.js';
import { failure } from './microservice.js';

/** A reason why an event and a request cannot be sent. */
interface Case {
  readonly name: string;
  readonly options?: (nats: NatsTestServer) => JetStreamClientOptions;
  /** Called after the client has connected. */
  readonly before?: (client: JetStreamClient) => Promise<unknown>;
  /** Default: `taken.a`, which a stream listens on. */
  readonly pattern?: unknown;
  readonly data?: unknown;
  /** Instead of the data. */
  readonly record?: JetStreamRecord;
  /** The class of the error of `send`; `undefined` if only events fail. */
  readonly error: string | undefined;
  /** A pattern of the log line about the event, which also has to name its subject. */
  readonly log: RegExp;
  /** The subject as the log names it. */
  readonly subject?: string;
}

class Hostile {
  get message(): never {
    throw new Error('hostile getter');
  }
  toString(): never {
    throw new Error('hostile text');
  }
}

function codec(encode: (value: unknown) => unknown): Codec {
  return { ...jsonCodec, encode: encode as Codec['encode'] };
}

function thrower(thrown: unknown): () => never {
  return () => {
    throw thrown;
  };
}

function cyclic(): object {
  const value: Record<string, unknown> = {};
  value.self = value;
  return value;
}

function endless(): object {
  return {
    get next(): string {
      return JSON.stringify(this);
    },
  };
}

const record = (): JetStreamRecordBuilder<number> => new JetStreamRecordBuilder(1);
const raw = (client: JetStreamClient): NatsConnection => client.unwrap();

const cases: readonly Case[] = [
  {
    name: 'no stream listens',
    pattern: 'nowhere.x',
    error: 'NoRespondersError',
    log: /no stream/i,
    subject: 'nowhere.x',
  },
  {
    name: 'the stream is full',
    pattern: 'full.a',
    error: undefined,
    log: /maximum messages/,
    subject: 'full.a',
  },
  {
    name: 'the connection is closed',
    before: (client) => raw(client).close(),
    error: 'ConnectionClosedError',
    log: /closed/,
  },
  {
    name: 'the connection is draining',
    before: async (client) => {
      void raw(client).drain();
    },
    error: 'ConnectionClosedError',
    log: /closed/,
  },
  {
    name: 'the connection of the owner is closed',
    options: () => ({}),
    before: (client) => raw(client).close(),
    error: 'ConnectionClosedError',
    log: /closed/,
  },
  {
    name: 'there is no server',
    options: () => ({ connection: { servers: 'nats://127.0.0.1:1' } }),
    error: 'ConnectionFailedError',
    log: /127\.0\.0\.1:1/,
  },
  {
    name: 'a payload that is too large',
    data: 'x'.repeat(1_100_000),
    error: 'PayloadTooLargeError',
    log: /bytes/,
  },
  {
    name: 'a payload that headers make too large',
    record: new JetStreamRecordBuilder('x'.repeat(1_000_000))
      .setHeaders({ 'X-Large': 'x'.repeat(100_000) })
      .build(),
    error: 'PayloadTooLargeError',
    log: /bytes/,
  },
  { name: 'a bigint', data: 1n, error: 'PayloadEncodingError', log: /BigInt/ },
  { name: 'a cycle', data: cyclic(), error: 'PayloadEncodingError', log: /circular/i },
  { name: 'infinite nesting', data: endless(), error: 'PayloadEncodingError', log: /call stack/ },
  { name: 'a function', data: () => undefined, error: 'PayloadEncodingError', log: /function/ },
  { name: 'a symbol', data: Symbol('x'), error: 'PayloadEncodingError', log: /symbol/ },
  {
    name: 'a toJSON that throws',
    data: { toJSON: thrower(new Error('no JSON')) },
    error: 'PayloadEncodingError',
    log: /no JSON/,
  },
  {
    name: 'a getter that throws',
    data: Object.defineProperty({}, 'x', { enumerable: true, get: thrower(new Error('no value')) }),
    error: 'PayloadEncodingError',
    log: /no value/,
  },
  {
    name: 'a proxy that throws',
    data: new Proxy(
      {},
      {
        get: thrower(new Error('trap')),
        ownKeys: thrower(new Error('trap')),
        getPrototypeOf: thrower(new Error('trap')),
      },
    ),
    error: 'PayloadEncodingError',
    log: /trap/,
  },
  {
    name: 'a codec that throws',
    options: () => ({ codec: codec(thrower(new Error('broken codec'))) }),
    error: 'PayloadEncodingError',
    log: /broken codec/,
  },
  {
    name: 'a codec that throws nothing',
    options: () => ({ codec: codec(thrower(undefined)) }),
    error: 'PayloadEncodingError',
    log: /undefined/,
  },
  {
    name: 'a codec that throws an object',
    options: () => ({ codec: codec(thrower(new Hostile())) }),
    error: 'PayloadEncodingError',
    log: /cannot be printed/,
  },
  {
    name: 'a codec that returns text',
    options: () => ({ codec: codec(() => 'text') }),
    error: 'PayloadEncodingError',
    log: /string/,
  },
  {
    name: 'a codec that returns nothing',
    options: () => ({ codec: codec(() => undefined) }),
    error: 'PayloadEncodingError',
    log: /undefined/,
  },
  {
    name: 'a codec that returns a promise',
    options: () => ({ codec: codec(() => Promise.reject(new Error('late'))) }),
    error: 'PayloadEncodingError',
    log: /promise/,
  },
  {
    name: 'a codec whose type can no longer be read',
    // An invalid type is rejected when the client is created.
    options: () => {
      let reads = 0;
      return {
        codec: {
          encode: thrower(new Error('broken')),
          decode: jsonCodec.decode,
          get contentType(): string {
            if (reads++ === 0) return 'text/plain';
            throw new Error('hostile type');
          },
        },
      };
    },
    error: undefined,
    log: /hostile type|broken/,
  },
  {
    name: 'a pattern with a space',
    pattern: 'taken. a',
    error: 'InvalidSubjectError',
    log: /spaces/,
    subject: 'taken. a',
  },
  {
    name: 'a pattern with a line end',
    pattern: 'taken.a\r\nPUB x 0',
    error: 'InvalidSubjectError',
    log: /spaces/,
    subject: 'taken.a\\r\\nPUB',
  },
  {
    name: 'a pattern with a wildcard',
    pattern: 'taken.*',
    error: 'InvalidSubjectError',
    log: /wildcard/,
    subject: 'taken.*',
  },
  { name: 'an empty pattern', pattern: '', error: 'InvalidSubjectError', log: /subject/, subject: '""' },
  {
    name: 'a pattern that throws',
    pattern: new Proxy({}, { get: thrower(new Error('trap')), ownKeys: thrower(new Error('trap')) }),
    error: undefined,
    log: /trap/,
    subject: '',
  },
  {
    name: 'a pattern that is very long',
    pattern: `taken.${'x'.repeat(5_000)}`,
    error: 'InvalidSubjectError',
    log: /line|long|bytes|protocol/,
    subject: 'taken.xxx',
  },
  {
    name: 'a record with an invalid timeout',
    record: record().setTimeout(Number.NaN).build(),
    error: 'InvalidArgumentError',
    log: /NaN|milliseconds/,
  },
  {
    name: 'a record with headers that cannot be sent',
    record: record().setHeaders({ 'a b\r\n': 'x' }).build(),
    error: 'InvalidArgumentError',
    log: /header/i,
  },
  {
    name: 'headers whose values cannot be read',
    record: record()
      .setHeaders(Object.defineProperty({}, 'x', { enumerable: true, get: thrower(new Error('no header')) }))
      .build(),
    error: undefined,
    log: /no header/,
  },
  {
    name: 'an expectation that is not met',
    record: record().setExpectations({ lastSequence: 99 }).build(),
    error: undefined,
    log: /sequence/,
  },
];

describe.each(['jetstream', 'core'] as const)('a message that cannot be sent, by %s', (mode) => {
  let nats: NatsTestServer;

  beforeAll(async () => {
    nats = await NatsTestServer.start();
    const nc = await connect({ servers: nats.url });
    for (const stream of [
      { name: 'TAKEN', subjects: ['taken.>'], storage: 'memory' },
      { name: 'FULL', subjects: ['full.>'], max_msgs: 1, discard: 'new', storage: 'memory' },
    ]) {
      await nc.request(`$JS.API.STREAM.CREATE.${stream.name}`, JSON.stringify(stream));
    }
    await nc.request('full.a', '1');
    await nc.close();
  });
  afterAll(() => nats.stop());

  /** Runs a function with a client; returns the log, which has every error that no subscriber received. */
  async function withClient(
    { options, before }: Case,
    act: (client: JetStreamClient) => unknown,
  ): Promise<string[]> {
    const logs = new LogRecorder();
    const module = await Test.createTestingModule({}).setLogger(logs).compile();
    const client = new JetStreamClient({
      connection: { servers: nats.url },
      publish: { retry: { attempts: 0 } },
      timeout: 2_000,
      ...options?.(nats),
    });
    await client.connect().catch(() => undefined);
    await before?.(client);
    await act(client);
    await client.close();
    await module.close();
    return logs.of('error', 'JetStreamClient');
  }

  const payloadOf = ({
    data = 1,
    record: { data: content, options } = new JetStreamRecord(data, {}),
  }: Case) => new JetStreamRecord(content, { ...options, mode });

  // Without a stream, these do not fail.
  const stored = [
    'no stream listens',
    'the stream is full',
    'an expectation that is not met',
    'a record with an invalid timeout',
  ];
  const failing = cases.filter(({ name }) => mode === 'jetstream' || !stored.includes(name));

  it.each(failing)('an event without a subscriber is logged: $name', async (each) => {
    const { pattern = 'taken.a', log, subject = 'taken.a' } = each;
    const lines = await withClient(each, (client) => {
      client.emit(pattern, payloadOf(each));
    });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(log);
    expect(lines[0]).toContain(subject);
  });

  it.each(failing)('a subscriber of an event gets its error, which is not logged: $name', async (each) => {
    const { pattern = 'taken.a' } = each;
    let error: unknown;
    const lines = await withClient(each, async (client) => {
      error = await failure(
        firstValueFrom(client.emit(pattern, payloadOf(each)), { defaultValue: undefined }),
      );
    });
    expect(error).toBeInstanceOf(each.error === undefined ? Error : JetStreamError);
    expect(lines).toEqual([]);
  });

  const refused = cases.filter(({ error }) => error !== undefined);
  it.runIf(mode === 'core').each(refused)('a request fails with a typed error: $name', async (each) => {
    const { pattern = 'taken.a' } = each;
    let error: unknown;
    await withClient(each, async (client: Pick<ClientProxy, 'send'>) => {
      error = await failure(firstValueFrom(client.send(pattern, payloadOf(each))));
    });
    expect(error).toBeInstanceOf(JetStreamError);
    expect((error as Error).name).toBe(each.error);
  });

  const durable = cases.filter(({ error, name }) => error !== undefined || stored.includes(name));
  it.runIf(mode === 'jetstream').each(durable)(
    'a durable request fails with a typed error: $name',
    async (each) => {
      const { pattern = 'taken.a' } = each;
      let error: unknown;
      await withClient(each, async (client: Pick<ClientProxy, 'send'>) => {
        error = await failure(firstValueFrom(client.send(pattern, payloadOf(each))));
      });
      expect(error).toBeInstanceOf(JetStreamError);
    },
  );

  it('a user without permission: an event without a subscriber is logged', async () => {
    await using own = await NatsTestServer.start({
      users: [{ user: 'a', permissions: { publish: { deny: 'secret.>' } } }],
    });
    const logs = new LogRecorder();
    const module = await Test.createTestingModule({}).setLogger(logs).compile();
    const client = new JetStreamClient({
      connection: own.connectionFor('a'),
      publish: { timeout: 500, retry: { attempts: 0 } },
    });
    await client.connect();
    client.emit('secret.a', new JetStreamRecord(1, { mode }));
    const logged = await eventually(
      () =>
        logs.lines
          .filter(({ level }) => level === 'error' || level === 'warn')
          .map(({ text }) => text)
          .join(),
      (lines) => lines.includes('secret.a'),
    );
    expect(logged).toContain('permission');
    await client.close();
    await module.close();
  });
});

describe('events in flight', () => {
  it('are stored before the client closes', async () => {
    await using nats = await NatsTestServer.start();
    const nc = await connect({ servers: nats.url });
    await nc.request('$JS.API.STREAM.CREATE.TAKEN', JSON.stringify({ name: 'TAKEN', subjects: ['taken'] }));
    for (const connected of [true, false]) {
      const client = new JetStreamClient({ connection: { servers: nats.url } });
      if (connected) await client.connect();
      for (let i = 0; i < 50; i++) client.emit('taken', i);
      await client.close();
    }
    const info = (await nc.request('$JS.API.STREAM.INFO.TAKEN')).json<{ state: { messages: number } }>();
    expect(info.state.messages).toBe(100);
    await nc.close();
  });

  it('are logged with their subjects if the server does not store them in time', async () => {
    await using nats = await NatsTestServer.start();
    const logs = new LogRecorder();
    const module = await Test.createTestingModule({}).setLogger(logs).compile();
    const client = new JetStreamClient({ connection: { servers: nats.url }, publish: { timeout: 60_000 } });
    await client.connect();
    nats.pause();
    for (const subject of ['first.a', 'second.b']) for (let i = 0; i < 3; i++) client.emit(subject, i);
    const started = performance.now();
    await client.close();
    expect(performance.now() - started).toBeLessThan(4_500);
    await module.close();
    nats.resume();
    const text = logs.of('error', 'JetStreamClient').join();
    expect(text).toContain('6 events');
    expect(text).toContain('first.a');
    expect(text).toContain('second.b');
  });

  it('are logged if the headers of the client cannot be sent', async () => {
    await using nats = await NatsTestServer.start();
    const logs = new LogRecorder();
    const module = await Test.createTestingModule({}).setLogger(logs).compile();
    const bad = headers();
    const client = new JetStreamClient({ connection: { servers: nats.url }, headers: bad });
    // Headers that are invalid from the start are rejected when the client is created.
    Object.defineProperty(bad, Symbol.iterator, { value: thrower(new Error('hostile iterator')) });
    client.emit('taken', 1);
    await client.close();
    await module.close();
    expect(logs.of('error', 'JetStreamClient').join()).toContain('hostile iterator');
  });

  it('are logged if a dispatch hook throws, and requests fail', async () => {
    await using nats = await NatsTestServer.start();
    const logs = new LogRecorder();
    const module = await Test.createTestingModule({}).setLogger(logs).compile();
    const client = new JetStreamClient({ connection: { servers: nats.url } });
    client.setOnDispatchHook(thrower(new Error('hook')));
    client.emit('taken', 1);
    expect((await failure(firstValueFrom(client.send('taken', 1)))).message).toBe('hook');
    await client.connect();
    expect((await failure(firstValueFrom(client.send('taken', 1)))).message).toBe('hook');
    await client.close();
    await module.close();
    expect(logs.of('error', 'JetStreamClient').join()).toContain('hook');
  });
});
