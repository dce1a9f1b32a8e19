import { Injectable, type InjectionToken, type Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import * as library from 'nestjs-nats-jetstream';
import {
  defineMessage,
  getDeadLettersToken,
  getJetStreamInstancesToken,
  getJetStreamToken,
  getKeyValueServiceToken,
  getKeyValueToken,
  getNatsConnectionToken,
  getObjectStoreServiceToken,
  getObjectStoreToken,
  getPublisherToken,
  getStreamToken,
  InjectDeadLetters,
  InjectJetStream,
  InjectJetStreamInstances,
  InjectKeyValue,
  InjectKeyValueService,
  InjectNatsConnection,
  InjectObjectStore,
  InjectObjectStoreService,
  InjectPublisher,
  InvalidArgumentError,
  InjectStream,
  JetStreamModule,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LogRecorder } from '../support/log-recorder.js';

interface Pair {
  readonly what: string;
  readonly inject: (...args: never[]) => ParameterDecorator;
  readonly token: (...args: never[]) => InjectionToken;
  readonly decorate: (connection?: string) => ParameterDecorator;
  readonly tokenOf: (connection?: string) => InjectionToken;
}

const ofConnection = (
  what: string,
  inject: (connection?: string) => ParameterDecorator,
  token: (connection?: string) => InjectionToken,
): Pair => ({ what, inject, token, decorate: inject, tokenOf: token });

const ofFeature = (
  what: string,
  inject: (name: string, connection?: string) => ParameterDecorator,
  token: (name: string, connection?: string) => InjectionToken,
): Pair => ({
  what,
  inject,
  token,
  decorate: (connection) => inject(NAME, connection),
  tokenOf: (connection) => token(NAME, connection),
});

/** The name of the stream and of the buckets. */
const NAME = 'tokens';
const Message = defineMessage({ subject: NAME });

const pairs: readonly Pair[] = [
  ofConnection('NatsConnection', InjectNatsConnection, getNatsConnectionToken),
  ofConnection('JetStream', InjectJetStream, getJetStreamToken),
  ofConnection('KeyValueService', InjectKeyValueService, getKeyValueServiceToken),
  ofConnection('ObjectStoreService', InjectObjectStoreService, getObjectStoreServiceToken),
  ofConnection('DeadLetters', InjectDeadLetters, getDeadLettersToken),
  ofConnection('JetStreamInstances', InjectJetStreamInstances, getJetStreamInstancesToken),
  ofFeature('Stream', InjectStream, getStreamToken),
  ofFeature('KeyValue', InjectKeyValue, getKeyValueToken),
  ofFeature('ObjectStore', InjectObjectStore, getObjectStoreToken),
  {
    what: 'Publisher',
    inject: InjectPublisher,
    token: getPublisherToken,
    decorate: (connection) => InjectPublisher(Message, connection),
    tokenOf: (connection) => getPublisherToken(Message, connection),
  },
];

it('each decorator has its token, and each token its decorator', () => {
  const names = Object.keys(library);
  const decorators = names
    .filter((name) => /^Inject[A-Z]/.test(name))
    .map((name) => name.slice('Inject'.length));
  const tokens = names.flatMap((name) => /^get(\w+)Token$/.exec(name)?.[1] ?? []);
  expect(decorators.toSorted()).toEqual(tokens.toSorted());
  expect(pairs.map(({ what }) => what).toSorted()).toEqual(tokens.toSorted());
});

describe.each([
  ['the default connection', undefined],
  ['a named connection', 'edge'],
])('of %s', (_, connection) => {
  let server: NatsTestServer;

  beforeAll(async () => {
    server = await NatsTestServer.start();
  });
  afterAll(() => server.stop());

  it.each(pairs)('$what is injected by its decorator and found by its token', async (pair) => {
    const { decorate, tokenOf } = pair;
    const Holder = holderOf(decorate(connection));
    const app = await Test.createTestingModule({
      imports: [
        JetStreamModule.forRoot({ name: connection, connection: { servers: server.url } }),
        JetStreamModule.forFeature({
          connection,
          streams: [{ name: NAME, subjects: [NAME] }],
          keyValues: [{ bucket: NAME }],
          objectStores: [{ bucket: NAME }],
          messages: [Message],
        }),
      ],
      providers: [Holder],
    })
      .setLogger(new LogRecorder())
      .compile();
    await app.init();
    const { injected } = app.get(Holder);
    await app.close();
    expect(injected).toBeInstanceOf(Object);
    expect(injected).toBe(app.get(tokenOf(connection) as string));
  });
});

/** A provider with one parameter, which a decorator injects. */
function holderOf(inject: ParameterDecorator): Type<{ readonly injected: unknown }> {
  @Injectable()
  class Holder {
    constructor(@inject readonly injected: unknown) {}
  }
  return Holder;
}

it.each([undefined, null, 'orders', {}])('refuse %o in place of a message, with the reason', (value) => {
  const problem =
    /Invalid message: .* of @InjectPublisher or getPublisherToken is not what defineMessage returned: check for a cycle/;
  expect(() => getPublisherToken(value as never)).toThrow(problem);
  expect(() => InjectPublisher(value as never)).toThrow(InvalidArgumentError);
});
