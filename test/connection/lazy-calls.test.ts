import { Injectable } from '@nestjs/common';
import type { NatsConnection } from '@nats-io/transport-node';
import {
  ConnectionClosedError,
  ConnectionFailedError,
  DeadLetters,
  getKeyValueToken,
  getNatsConnectionToken,
  getObjectStoreToken,
  getStreamToken,
  JetStreamInstances,
  JetStreamService,
  JsSchedule,
  KeyValueService,
  NotConnectedError,
  type KeyValue,
  type ObjectInfo,
  type ObjectStore,
  ObjectStoreService,
  Schedules,
  type Stream,
} from 'nestjs-nats-jetstream';
import { KeyValueCacheStore } from 'nestjs-nats-jetstream/cache';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { ObjectStoreStorage } from 'nestjs-nats-jetstream/upload';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../support/application.js';
import { asking, type Obtained, outcomeOf } from './every-call.js';
import { accepted, type LazyApplication, startLazily } from './lazy.js';

const NAME = 'lazy';
const FEATURE = {
  streams: [{ name: NAME, subjects: [NAME, `${NAME}.*`], storage: 'memory', allowDirect: true }],
  keyValues: [{ bucket: NAME, storage: 'memory' }],
  objectStores: [{ bucket: NAME, storage: 'memory' }],
} as const;

/** The classes whose objects exist before the connection is open. */
const OPENING =
  /^(Stream|JetStreamService|MessagePublisher|JetStreamApi|KeyValueService|KeyValue|ObjectStoreService|ObjectStore|DeadLetters|JetStreamInstances|Schedules|KeyValueCacheStore|ObjectStoreStorage|JetStreamConnection)\./;
const calls = asking.filter(
  ([name]) =>
    OPENING.test(name) &&
    // Called by the facade of the service only; the library itself sends with it after the connection was opened.
    name !== 'JetStreamService.publishWhenOpen',
);

@Injectable()
class Reports {
  @JsSchedule('@yearly', { name: 'report', stream: { name: `S_${NAME}`, storage: 'memory' } })
  yearly(): void {}
}

let server: NatsTestServer;
let owner: TestApplication;
let info: ObjectInfo;

beforeAll(async () => {
  server = await NatsTestServer.start();
  owner = await startApplication(server.url, { feature: FEATURE });
  info = await owner.app.get<ObjectStore>(String(getObjectStoreToken(NAME))).putString('o', 'x');
});
afterAll(async () => {
  await owner[Symbol.asyncDispose]();
  await server.stop();
});

function obtained(app: LazyApplication): Obtained {
  const { jetstream } = app;
  const keyValue = app.get<KeyValue>(String(getKeyValueToken(NAME)));
  const objects = app.get<ObjectStore>(String(getObjectStoreToken(NAME)));
  const known = {
    nc: app.get<NatsConnection>(String(getNatsConnectionToken())),
    connection: jetstream.connection,
    api: jetstream.api,
    jetstream,
    stream: app.get<Stream>(String(getStreamToken(NAME))),
    buckets: app.get(KeyValueService),
    keyValue,
    stores: app.get(ObjectStoreService),
    objects,
    info,
    deadLetters: app.get(DeadLetters),
    instances: app.get(JetStreamInstances),
    schedules: app.get(Schedules),
    cache: new KeyValueCacheStore(keyValue),
    upload: new ObjectStoreStorage(objects, { stallTimeout: 1_000 }),
  };
  // The calls of objects that only an open connection has are not made.
  return known as Partial<Obtained> as Obtained;
}

function rootOf(error: unknown): unknown {
  return error instanceof Error && error.cause instanceof Error ? rootOf(error.cause) : error;
}

describe('the first call of an application with connect: lazy', () => {
  it('is one of many', () => expect(calls.length).toBeGreaterThan(110));

  it.each(calls)('%s opens the connection, once', async (_, call) => {
    await using app = await startLazily(server.url, {
      feature: FEATURE,
      providers: [Reports],
      options: { jetstream: { timeout: 2_000 } },
    });
    const on = obtained(app);
    // For those that wait for a message.
    await owner.app.get(JetStreamService).publish(NAME, 1);
    const before = await accepted(server);
    expect(app.jetstream.status).toMatchObject({ state: 'unopened', server: undefined });
    const outcome = await outcomeOf(() => call(on));
    for (const wrong of [NotConnectedError, ConnectionFailedError, ConnectionClosedError, TypeError])
      expect(rootOf(outcome)).not.toBeInstanceOf(wrong);
    expect(app.jetstream.status.state).toBe('connected');
    // A second call uses the same connection.
    await app.jetstream.rtt();
    expect((await accepted(server)) - before).toBe(1);
  });

  it.each(calls)('%s rejects without a server', async (_, call) => {
    await using app = await startLazily('nats://127.0.0.1:1', {
      feature: FEATURE,
      providers: [Reports],
      options: { jetstream: { timeout: 2_000 } },
    });
    const outcome = await outcomeOf(() => call(obtained(app)));
    expect(outcome).toBeInstanceOf(Error);
    expect([ConnectionFailedError.name, 'RequestTimeoutError']).toContain((outcome as Error).name);
    expect(app.jetstream.status.state).toBe('unopened');
  });
});
