import { Controller, type Type } from '@nestjs/common';
import { EventPattern, MessagePattern } from '@nestjs/microservices';
import { MessageSettlement, HandlerConfigurationError, InvalidArgumentError } from 'nestjs-nats-jetstream';
import {
  JetStreamClient,
  JetStreamRecord,
  JetStreamServer,
  type JetStreamServerOptions,
} from 'nestjs-nats-jetstream/microservice';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failure, startMicroservice } from './microservice.js';

const SECRET = 'correct-horse';
const throwing = (): never => {
  throw new Error('do not read me');
};
const unreadable = new Proxy(
  {},
  { ownKeys: throwing, get: throwing, has: throwing, getPrototypeOf: throwing },
);

/** Options that servers and clients have in common. */
const shared: [string, object, string][] = [
  ['codec: a name', { codec: 'json' }, 'codec'],
  ['codec: nothing in it', { codec: {} }, 'codec'],
  ['codec: null', { codec: null }, 'codec'],
  ['connection: an address', { connection: `nats://me:${SECRET}@localhost` }, 'connection'],
  ['connection: null', { connection: null }, 'connection'],
  ['connection: half a connection', { connection: { publish: () => undefined } }, 'connection'],
  ['connection: no servers', { connection: { servers: [] } }, 'connection.servers'],
  ['connection: a password in a list', { connection: { pass: [SECRET] } }, 'connection.pass'],
  ['jetstream: null', { jetstream: null }, 'jetstream'],
  ['jetstream.timeout', { jetstream: { timeout: 5n } }, 'jetstream.timeout'],
];

describe('wrong options of', () => {
  const server: [string, unknown, string][] = [
    ...shared.map(([name, of, argument]): [string, unknown, string] => [
      name,
      { name: 's', ...of },
      argument,
    ]),
    ['null', null, 'options of JetStreamServer'],
    ['text', 'service', 'options of JetStreamServer'],
    ['a proxy that throws', unreadable, 'options of JetStreamServer'],
    ['no name', {}, 'name'],
    ['queue', { name: 's', queue: true }, 'queue'],
    ['settlement: a class', { name: 's', settlement: MessageSettlement }, 'settlement'],
    ['settlement: half of it', { name: 's', settlement: { onStart: () => undefined } }, 'settlement'],
    ['deadLetters', { name: 's', deadLetters: {} }, 'deadLetters'],
    ['deadLetters: true', { name: 's', deadLetters: true }, 'deadLetters'],
    ['jetStreamEvents', { name: 's', jetStreamEvents: {} }, 'jetStreamEvents'],
    ['shutdownTimeout', { name: 's', shutdownTimeout: Number.NaN }, 'shutdownTimeout'],
    ['provisioning', { name: 's', provisioning: 'maybe' }, 'provisioning'],
    ['streams: null in it', { name: 's', streams: [null] }, 'streams[0]'],
    ['streams: a codec', { name: 's', streams: [{ name: 'S', codec: {} }] }, 'streams[0].codec'],
    ['events: null', { name: 's', events: null }, 'events'],
    ['events.consumer', { name: 's', events: { consumer: 'all' } }, 'events.consumer'],
    ['events.retry', { name: 's', events: { retry: { backoff: [1e13] } } }, 'events.retry.backoff[0]'],
    ['requests.orderBy', { name: 's', requests: { orderBy: 'id' } }, 'requests.orderBy'],
  ];
  it.each(server)('a server: %s', (_, options, argument) => {
    let thrown: unknown;
    try {
      void new JetStreamServer(options as JetStreamServerOptions);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ constructor: InvalidArgumentError, argument });
    expect(String(thrown)).not.toContain(SECRET);
  });

  const client: [string, unknown, string][] = [
    ...shared,
    ['null', null, 'options of JetStreamClient'],
    ['a proxy that throws', unreadable, 'options of JetStreamClient'],
    ['name', { name: 5 }, 'name'],
    ['mode', { mode: 'stream' }, 'mode'],
    ['timeout', { timeout: 0 }, 'timeout'],
    ['timeout: text', { timeout: '5' }, 'timeout'],
    ['headers: text', { headers: 'a: b' }, 'headers'],
    ['headers: a name', { headers: { 'a b': 'c' } }, 'headers'],
    ['publish: null', { publish: null }, 'publish'],
    ['publish.onError', { publish: { onError: 5 } }, 'publish.onError'],
  ];
  it.each(client)('a client: %s', (_, options, argument) => {
    let thrown: unknown;
    try {
      void new JetStreamClient(options as object);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ constructor: InvalidArgumentError, argument });
    expect(String(thrown)).not.toContain(SECRET);
  });

  it.each<[string, unknown]>([
    ['null', null],
    ['a mode', { mode: 'stream' }],
    ['a name', { mesageId: 'x' }],
  ])('a record: %s', (_, options) => {
    expect(() => new JetStreamRecord('data', options as object)).toThrow(InvalidArgumentError);
  });

  describe('patterns', () => {
    let nats: NatsTestServer;
    beforeAll(async () => {
      nats = await NatsTestServer.start();
    });
    afterAll(() => nats.stop());

    const extras: [string, object, RegExp][] = [
      ['mode', { mode: 'cor' }, /mode must be one of "core", "jetstream"; it is "cor"/],
      ['broadcast', { broadcast: 'yes' }, /broadcast must be true or false/],
      ['queue', { mode: 'core', queue: 5 }, /queue must be a name without spaces; it is 5/],
      ['concurrency', { concurrency: 5n }, /concurrency must be a whole number from 1 to 65536; it is 5n/],
      ['retry', { retry: null }, /retry must be an object; it is null/],
      ['retry.backoff', { retry: { backoff: [1e13] } }, /retry\.backoff\[0\] must be at most 9223372036854/],
      ['retry.retryIf', { retry: { retryIf: true } }, /retry\.retryIf must be a function/],
      [
        'retry.errors',
        { retry: { errors: [{ type: () => 1 }] } },
        /retry\.errors\[0\]\.type must be a class/,
      ],
      ['ackWait', { ackWait: Number.MAX_SAFE_INTEGER }, /ackWait must be at most 9223372036854/],
      ['orderBy', { orderBy: {} }, /orderBy must be a function of the message/],
      ['circuitBreaker', { circuitBreaker: true }, /circuitBreaker must be an object; it is true/],
      ['stream', { stream: 5 }, /stream must be a name/],
      [
        'codec, which is for @JsConsumer',
        { codec: {} },
        /patterns do not support codec: use @JsConsumer instead/,
      ],
      ['a name that is misspelled', { concurency: 5 }, /there is no option "concurency"; did you mean/],
    ];
    const CORE_EVENT = "an event with mode 'core'";
    const REQUEST = "a request with mode 'core', the default";
    const misplaced: [string, typeof EventPattern, object, string][] = [
      ['consumer', EventPattern, { mode: 'core', durable: 'd', retry: {} }, `${CORE_EVENT} retry, durable`],
      [
        'slots',
        EventPattern,
        { mode: 'core', concurrency: 2, deadLetter: true },
        `${CORE_EVENT} concurrency, deadLetter: leave them out, or set mode`,
      ],
      ['order', EventPattern, { mode: 'core', ordered: true }, `${CORE_EVENT} ordered`],
      ['acks', EventPattern, { ordered: true, ackMode: 'manual' }, 'an ordered event ackMode: leave it out'],
      ['parallel', EventPattern, { ordered: true, concurrency: 7 }, 'an ordered event concurrency'],
      ['queue', EventPattern, { queue: 'q' }, 'an event of a stream queue'],
      ['retry', MessagePattern, { retry: { maxDeliver: 3 } }, `${REQUEST} retry`],
      ['stream', MessagePattern, { mode: 'core', stream: 'X' }, `${REQUEST} stream`],
      ['every', MessagePattern, { broadcast: true }, `${REQUEST} broadcast`],
      ['pending', MessagePattern, { mode: 'jetstream', maxPending: 5 }, 'a durable request maxPending'],
      ['own', MessagePattern, { mode: 'jetstream', ordered: true }, 'a durable request ordered'],
    ];
    it('with extras that do not apply to their form: each stops the boot', async () => {
      const controllers = misplaced.map(([name, decorator, of]) => patternOf(decorator, `x.${name}`, of));
      const error = await failure(
        startMicroservice(nats.url, { controllers, server: { streams: [{ name: 'X', subjects: ['x.>'] }] } }),
      );
      expect(error).toBeInstanceOf(HandlerConfigurationError);
      const { problems } = error as HandlerConfigurationError;
      expect(problems).toHaveLength(misplaced.length);
      for (const [i, [name, , , words]] of misplaced.entries()) {
        const { handler, problem } = problems[i];
        expect(handler).toContain(`('x.${name}')`);
        expect(problem.replace(' does not support', '')).toContain(words);
      }
    });

    it('of events and requests: each stops the boot', async () => {
      const controllers = extras.map(([, of], i) => controller(`x.${i}`, of));
      const error = await failure(
        startMicroservice(nats.url, { controllers, server: { streams: [{ name: 'X', subjects: ['x.>'] }] } }),
      );
      expect(error).toBeInstanceOf(HandlerConfigurationError);
      const { problems } = error as HandlerConfigurationError;
      for (const [i, [, , words]] of extras.entries()) {
        for (const decorator of ['EventPattern', 'MessagePattern']) {
          const found = problems.filter(({ handler }) =>
            handler.startsWith(`@${decorator}('x.${i}${decorator === 'EventPattern' ? '' : '.ask'}'`),
          );
          expect(found.map(({ problem }) => problem)).toEqual([expect.stringMatching(words)]);
        }
      }
    });
  });
});

function controller(pattern: string, extras: object): Type {
  @Controller()
  class Patterns {
    @EventPattern(pattern, extras)
    event(_: unknown): void {}

    @MessagePattern(`${pattern}.ask`, extras)
    request(_: unknown): void {}
  }
  return Patterns;
}

function patternOf(decorator: typeof EventPattern, pattern: string, extras: object): Type {
  @Controller()
  class Patterns {
    @decorator(pattern, extras)
    on(_: unknown): void {}
  }
  return Patterns;
}
