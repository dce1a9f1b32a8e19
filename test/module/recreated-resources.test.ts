import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import {
  getKeyValueToken,
  getObjectStoreToken,
  JetStreamService,
  JsConsumer,
  KvWatch,
  ObjectWatch,
  OnJetStreamEvent,
  type JetStreamEvent,
  type JetStreamFeatureOptions,
  type KeyValue,
  type ObjectInfo,
  type ObjectStore,
  type Provisioning,
} from 'nestjs-nats-jetstream';
import { connect } from 'nestjs-nats-jetstream/nats';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

const STORAGE = { storage: 'memory' } as const;

describe('declared streams and buckets', () => {
  let server: NatsTestServer;

  beforeEach(async () => {
    server = await NatsTestServer.start();
  });
  afterEach(() => server.stop());

  async function start(
    feature: JetStreamFeatureOptions,
    provisioning: Provisioning = 'ensure',
    providers: (new () => object)[] = [],
  ): Promise<
    TestApplication & { jetstream: JetStreamService; recreated: string[]; restart(): Promise<void> }
  > {
    const recreated: string[] = [];
    @Injectable()
    class Events {
      @OnJetStreamEvent('resource-recreated')
      on(event: JetStreamEvent): void {
        if (event.type === 'resource-recreated') recreated.push(`${event.resource} ${event.name}`);
      }
    }
    const application = await startApplication(server.url, {
      connection: { reconnectTimeWait: 50 },
      options: { provisioning },
      feature,
      providers: [Events, ...providers],
    });
    const jetstream = application.app.get(JetStreamService);
    const restart = async (): Promise<void> => {
      const back = new Promise<void>((resolve) => jetstream.connection.listen({ onReconnect: resolve }));
      await server.kill();
      await server.restart();
      await back;
    };
    return { ...application, jetstream, recreated, restart };
  }

  const all: JetStreamFeatureOptions = {
    streams: [{ name: 'EVENTS', subjects: ['events'], ...STORAGE }],
    keyValues: [{ bucket: 'values', ...STORAGE }],
    objectStores: [{ bucket: 'objects', ...STORAGE }],
  };

  it('that a server restart has deleted are recreated, and their handlers continue', async () => {
    const seen: unknown[] = [];
    @Injectable()
    class Handlers {
      @JsConsumer({ stream: 'EVENTS', durable: 'events' })
      onEvent(@Payload() event: unknown): void {
        seen.push(event);
      }

      @KvWatch('values')
      onValue(@Payload() value: unknown): void {
        seen.push(value);
      }
    }
    await using application = await start(all, 'ensure', [Handlers]);
    await application.jetstream.publish('events', 1);
    await eventually(
      () => seen,
      (values) => values.length === 1,
    );
    await application.restart();
    await eventually(
      () => application.recreated,
      (names) => names.length === 3,
    );
    expect(application.recreated.sort()).toEqual([
      'key-value values',
      'object-store objects',
      'stream EVENTS',
    ]);
    await application.jetstream.publish('events', 2);
    await application.app.get<KeyValue>(getKeyValueToken('values')).put('k', 3);
    await application.app.get<ObjectStore>(getObjectStoreToken('objects')).putString({ name: 'o' }, 'o');
    await eventually(
      () => seen,
      (values) => values.length === 3,
      20_000,
    );
    expect(new Set(seen)).toEqual(new Set([1, 2, 3]));
  });

  it('on disk are kept, and nothing is created', async () => {
    await using application = await start({ streams: [{ name: 'EVENTS', subjects: ['events'] }] });
    await application.jetstream.publish('events', 1);
    await application.restart();
    expect((await application.jetstream.stream('EVENTS')).cachedInfo.state.messages).toBe(1);
    expect(application.recreated).toEqual([]);
  });

  it.each<[string, JetStreamFeatureOptions]>([
    ['in memory', { streams: [{ name: 'EVENTS', subjects: ['events'], ...STORAGE }] }],
    ['on disk', { streams: [{ name: 'EVENTS', subjects: ['events'] }] }],
  ])('that a client has deleted stay deleted, even after a restart (%s)', async (_, feature) => {
    await using application = await start({ ...feature, keyValues: [{ bucket: 'marker', ...STORAGE }] });
    await application.jetstream.deleteStream('EVENTS');
    await application.jetstream.connection.nc.flush();
    await application.restart();
    // The other one is created again after the same reconnect.
    await eventually(
      () => application.recreated,
      (names) => names.length > 0,
    );
    expect(application.recreated).toEqual(['key-value marker']);
    await expect(application.jetstream.stream('EVENTS')).rejects.toThrow('not found');
  });

  it('that were deleted and recreated manually are recreated after a restart', async () => {
    await using application = await start({
      streams: [{ name: 'EVENTS', subjects: ['events'], ...STORAGE }],
    });
    const { jetstream } = application;
    await jetstream.deleteStream('EVENTS');
    await jetstream.createStream({ name: 'EVENTS', subjects: ['events'], ...STORAGE });
    await jetstream.connection.nc.flush();
    await application.restart();
    const recreated = await eventually(
      () => application.recreated,
      (names) => names.length > 0,
    );
    expect(recreated).toEqual(['stream EVENTS']);
  });

  it('with recreate are recreated at once', async () => {
    await using application = await start({
      streams: [{ name: 'EVENTS', subjects: ['events'], recreate: true }],
      keyValues: [{ bucket: 'values', recreate: true }],
      objectStores: [{ bucket: 'objects', recreate: true }],
    });
    for (const stream of ['EVENTS', 'KV_values', 'OBJ_objects'])
      await application.jetstream.deleteStream(stream);
    await eventually(
      () => application.recreated,
      (names) => names.length === 3,
    );
    expect(await application.jetstream.publish('events', 1)).toMatchObject({ sequence: 1 });
  });

  it('with recreate are recreated at once, and their handlers continue', async () => {
    const seen: string[] = [];
    @Injectable()
    class Handlers {
      @JsConsumer({ stream: 'EVENTS', durable: 'events' })
      onEvent(@Payload() event: unknown): void {
        seen.push(`event ${String(event)}`);
      }

      @KvWatch('values')
      onValue(@Payload() value: unknown): void {
        seen.push(`value ${String(value)}`);
      }

      @ObjectWatch('objects')
      onObject(@Payload() { name }: ObjectInfo): void {
        seen.push(`object ${name}`);
      }
    }
    const recreate = { ...STORAGE, recreate: true };
    await using application = await start(
      {
        streams: [{ name: 'EVENTS', subjects: ['events'], ...recreate }],
        keyValues: [{ bucket: 'values', ...recreate }],
        objectStores: [{ bucket: 'objects', ...recreate }],
      },
      'ensure',
      [Handlers],
    );
    const { app, jetstream } = application;
    const write = async (id: number): Promise<void> => {
      await jetstream.publish('events', id);
      await app.get<KeyValue>(getKeyValueToken('values')).put('k', id);
      await app.get<ObjectStore>(getObjectStoreToken('objects')).putString({ name: `o${id}` }, 'o');
    };
    await write(1);
    await eventually(
      () => seen,
      (values) => values.length === 3,
    );
    for (const stream of ['EVENTS', 'KV_values', 'OBJ_objects']) await jetstream.deleteStream(stream);
    await eventually(
      () => application.recreated,
      (names) => names.length === 3,
    );
    await write(2);
    await eventually(
      () => seen,
      (values) => values.length === 6,
      25_000,
    );
    expect(seen.slice(3).toSorted()).toEqual(['event 2', 'object o2', 'value 2']);
  });

  it.each([
    ['with recreate are recreated', true],
    ['without recreate stay deleted', false],
  ])('that were deleted while the application had no link %s', async (_, recreate) => {
    await using proxy = await server.proxy();
    const recreated: string[] = [];
    @Injectable()
    class Events {
      @OnJetStreamEvent('resource-recreated')
      on(event: JetStreamEvent): void {
        if (event.type === 'resource-recreated') recreated.push(`${event.resource} ${event.name}`);
      }
    }
    await using owner = await start({});
    await using application = await startApplication(proxy.url, {
      connection: { reconnectTimeWait: 50 },
      feature: {
        streams: [{ name: 'EVENTS', subjects: ['events'], ...STORAGE, recreate }],
        keyValues: [{ bucket: 'values', ...STORAGE, recreate }],
        // It shows that the others have been checked.
        objectStores: [{ bucket: 'marker', ...STORAGE, recreate: true }],
      },
      providers: [Events],
    });
    const { connection } = application.app.get(JetStreamService);
    const gone = new Promise<void>((resolve) => connection.listen({ onDisconnect: resolve }));
    const back = new Promise<void>((resolve) => connection.listen({ onReconnect: resolve }));
    proxy.refuse();
    proxy.cut();
    await gone;
    for (const stream of ['EVENTS', 'KV_values', 'OBJ_marker']) await owner.jetstream.deleteStream(stream);
    proxy.accept();
    await back;
    const names = await eventually(
      () => recreated.toSorted(),
      (found) => found.includes('object-store marker') && (!recreate || found.length === 3),
    );
    const others = recreate ? ['key-value values', 'stream EVENTS'] : [];
    expect(names).toEqual([...others, 'object-store marker'].toSorted());
    const stream = await owner.jetstream.stream('EVENTS').catch(() => undefined);
    expect(stream?.name).toBe(recreate ? 'EVENTS' : undefined);
  });

  it('with recreate are recreated once by several instances', async () => {
    const feature: JetStreamFeatureOptions = {
      streams: [{ name: 'EVENTS', subjects: ['events'], ...STORAGE, recreate: true }],
    };
    await using first = await start(feature);
    await using second = await start(feature);
    for (let round = 1; round <= 5; round++) {
      await first.jetstream.deleteStream('EVENTS');
      await eventually(
        () => first.recreated.length + second.recreated.length,
        (count) => count >= round,
      );
      // The message is kept: an instance does not create a stream that the other one has created.
      await second.jetstream.publish('events', round);
      expect((await first.jetstream.stream('EVENTS')).cachedInfo.state.messages).toBe(1);
    }
    expect([...first.logs.of('error'), ...second.logs.of('error')]).toEqual([]);
  });

  it('with recreate are recreated if their deletion is reported before it is visible', async () => {
    const subject = '$JS.EVENT.ADVISORY.STREAM.DELETED.EVENTS';
    // The application does not receive the report of the server, but one that comes before the deletion.
    const shop = { user: 'shop', permissions: { subscribe: { allow: ['>'], deny: [subject] } } };
    await using own = await NatsTestServer.start({ users: [{ user: 'owner' }, shop] });
    await using proxy = await own.proxy();
    const recreated: string[] = [];
    @Injectable()
    class Events {
      @OnJetStreamEvent('resource-recreated')
      on(event: JetStreamEvent): void {
        if (event.type === 'resource-recreated') recreated.push(event.name);
      }
    }
    await using application = await startApplication(proxy.url, {
      connection: { ...own.connectionFor('shop'), servers: proxy.url },
      feature: { streams: [{ name: 'EVENTS', subjects: ['events'], ...STORAGE, recreate: true }] },
      providers: [Events],
    });
    const owner = await connect(own.connectionFor('owner'));
    const sid = await subscriptionOf(own, '$JS.EVENT.ADVISORY.STREAM.*.*');
    const before = await apiRequests(own);
    proxy.garbage(`MSG ${subject} ${sid} 2\r\n{}\r\n`);
    // The application has looked, and has found the stream.
    await eventually(
      () => apiRequests(own),
      (requests) => requests > before,
    );
    await owner.request('$JS.API.STREAM.DELETE.EVENTS');
    await eventually(
      () => recreated,
      ({ length }) => length > 0,
    );
    expect(recreated).toEqual(['EVENTS']);
    const jetstream = application.app.get(JetStreamService);
    expect(await jetstream.publish('events', 1)).toMatchObject({ sequence: 1 });
    await owner.close();
  });

  it.each<Provisioning>(['assert', 'off'])('are not created with provisioning %s', async (provisioning) => {
    await using owner = await start(all);
    await owner.app.close();
    await using application = await start(
      { ...all, streams: [{ name: 'EVENTS', subjects: ['events'], recreate: true }] },
      provisioning,
    );
    await application.jetstream.deleteStream('EVENTS');
    await application.restart();
    await expect(application.jetstream.stream('EVENTS')).rejects.toThrow('not found');
    expect(application.recreated).toEqual([]);
  });
});

/** How many requests to the JetStream API the server has received. */
async function apiRequests({ monitoringUrl }: NatsTestServer): Promise<number> {
  const { api } = (await (await fetch(`${monitoringUrl}/jsz`)).json()) as {
    readonly api: { readonly total: number };
  };
  return api.total;
}

/** The id of the only subscription with a subject. */
async function subscriptionOf({ monitoringUrl }: NatsTestServer, subject: string): Promise<string> {
  const { connections } = (await (await fetch(`${monitoringUrl}/connz?subs=detail`)).json()) as {
    readonly connections: readonly {
      readonly subscriptions_list_detail?: readonly { readonly subject: string; readonly sid: string }[];
    }[];
  };
  const found = connections
    .flatMap(({ subscriptions_list_detail: all = [] }) => all)
    .filter((each) => each.subject === subject);
  if (found.length !== 1) throw new Error(`there are ${found.length} subscriptions on ${subject}`);
  return found[0].sid;
}
