import { Injectable } from '@nestjs/common';
import {
  DeadLetters,
  JetStreamError,
  JetStreamService,
  JsConsumer,
  KeyValueService,
  ObjectStoreService,
  PublishTo,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';
import { RecordingInstrument } from '../support/recording-instrument.js';

describe('an instrument of operations', () => {
  let server: NatsTestServer;
  let application: TestApplication;
  let instrument: RecordingInstrument;
  let jetstream: JetStreamService;

  beforeAll(async () => {
    server = await NatsTestServer.start();
    instrument = new RecordingInstrument();
    @Injectable()
    class Tasks {
      @JsConsumer({
        stream: 'OPS',
        durable: 'worker',
        filterSubjects: 'ops.in',
        deadLetter: true,
        retry: { maxDeliver: 1 },
      })
      @PublishTo('ops.out')
      onTask(): { readonly ok: boolean } {
        return { ok: true };
      }

      @JsConsumer({
        stream: 'OPS',
        durable: 'bad',
        filterSubjects: 'ops.bad',
        deadLetter: true,
        retry: { maxDeliver: 1 },
      })
      onBad(): never {
        throw new Error('no luck');
      }
    }
    application = await startApplication(server.url, {
      options: { instruments: [instrument] },
      feature: {
        streams: [{ name: 'OPS', subjects: ['ops.*'], storage: 'memory', allowAtomicPublish: true }],
        keyValues: [{ bucket: 'settings', storage: 'memory' }],
        objectStores: [{ bucket: 'files', storage: 'memory' }],
      },
      providers: [Tasks],
    });
    jetstream = application.app.get(JetStreamService);
  });
  afterAll(async () => {
    await application.app.close();
    await server.stop();
  });

  const stored = {
    stream: 'OPS',
    sequence: expect.any(Number) as unknown,
    duration: expect.any(Number) as unknown,
  };

  it('receives publishes, with the declared subject, the size and the outcome', async () => {
    await jetstream.publish('ops.a', 'four');
    await jetstream.publishAsync('ops.b', 'fives').ack;
    expect(instrument.ended('publish').slice(-2)).toMatchObject([
      { call: { target: 'ops.a', pattern: 'ops.*' }, result: { ...stored, count: 1, size: 4 } },
      { call: { target: 'ops.b', pattern: 'ops.*' }, result: { ...stored, count: 1, size: 5 } },
    ]);
  });

  it.each<[string, (service: JetStreamService) => Promise<unknown>]>([
    ['no stream', (service) => service.publish('nowhere.a', 1, { timeout: 500, retry: { attempts: 0 } })],
    ['an invalid subject', (service) => service.publish('ops.*', 1)],
    ['no subject', (service) => service.publish(undefined as never, 1)],
    ['a subject of another type', (service) => service.publish(5 as never, 1)],
    ['a wrong option', (service) => service.publish('ops.a', 1, { ttl: -1 })],
    ['a wrong expectation', (service) => service.publish('ops.a', 1, { expect: { lastSequence: 99_999 } })],
  ])('receives a publish that fails: %s', async (_, act) => {
    const error = await act(jetstream).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(JetStreamError);
    expect(instrument.ended('publish').at(-1)?.result).toMatchObject({
      error,
      duration: expect.any(Number) as unknown,
    });
  });

  it('receives the end of messages of publishAsync that were never sent', async () => {
    const own = new RecordingInstrument();
    const small = await startApplication(server.url, {
      options: { instruments: [own], publish: { maxPending: 1, onError: () => undefined } },
    });
    const service = small.app.get(JetStreamService);
    const futures = Array.from({ length: 3 }, (_value, i) => service.publishAsync('ops.e', i));
    const outcomes = await Promise.allSettled(futures.map(({ ack }) => ack));
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    expect(own.ended('publish').map(({ result }) => result?.error !== undefined)).toEqual([
      false,
      false,
      true,
    ]);
    await small.app.close();
    service.publishAsync('ops.e', 4);
    expect(own.calls).toHaveLength(4);
    expect(own.ended('publish')).toHaveLength(4);
  });

  it('receives a batch once, with the number of its messages', async () => {
    await jetstream.publishBatch([
      { subject: 'ops.c', data: 1 },
      { subject: 'ops.d', data: 2 },
    ]);
    expect(instrument.ended('publish-batch')).toMatchObject([{ result: { count: 2, stream: 'OPS' } }]);
  });

  it('receives results that are published, and of dead letters and replays, but not of their own publishes', async () => {
    await jetstream.publish('ops.in', {});
    await jetstream.publish('ops.bad', {});
    await eventually(
      () => instrument.ended('dead-letter'),
      ({ length }) => length === 1,
    );
    await eventually(
      () => instrument.ended('publish').filter(({ call }) => call.target === 'ops.out'),
      ({ length }) => length === 1,
    );
    expect(instrument.ended('dead-letter')).toMatchObject([
      { call: { target: 'ops.bad', reason: 'deliveries used up' } },
    ]);
    const letters = application.app.get(DeadLetters);
    await letters.replay(1, { to: 'handler' }).catch(() => undefined);
    expect(instrument.ended('replay')).toMatchObject([
      { call: { target: 'ops.bad' }, result: { error: expect.any(Error) as unknown } },
    ]);
    expect(instrument.calls.filter(({ call }) => call.target.startsWith('$'))).toEqual([]);
  });

  it('receives Key-Value operations', async () => {
    const bucket = await application.app.get(KeyValueService).open('settings');
    const revision = await bucket.put('a', 1);
    await bucket.get('a');
    await bucket.update('a', 2, revision);
    await bucket.create('b', 1);
    await bucket.create('b', 1).catch(() => undefined);
    await bucket.delete('b');
    await bucket.purge('a');
    const kinds = instrument.calls.filter(({ kind }) => kind.startsWith('kv-'));
    expect(kinds.map(({ kind, source, call }) => [kind, source, call.target])).toEqual([
      ['kv-put', 'settings', 'a'],
      ['kv-get', 'settings', 'a'],
      ['kv-update', 'settings', 'a'],
      ['kv-create', 'settings', 'b'],
      ['kv-create', 'settings', 'b'],
      ['kv-delete', 'settings', 'b'],
      ['kv-purge', 'settings', 'a'],
    ]);
    expect(kinds.map(({ result }) => result?.error !== undefined)).toEqual([
      false,
      false,
      false,
      false,
      true,
      false,
      false,
    ]);
  });

  it('receives objects, until their content is read', async () => {
    const store = await application.app.get(ObjectStoreService).open('files');
    await store.putString('a.txt', 'content');
    await store.getBytes('a.txt');
    const reading = await store.get('a.txt');
    expect(instrument.ended('object-get')).toHaveLength(1);
    for await (const _ of reading);
    await store.get('missing').catch(() => undefined);
    const info = await store.updateMeta('a.txt', { name: 'b.txt' });
    await store.addLink('link', info);
    await store.addBucketLink('all', store);
    await store.updateMeta('missing', {}).catch(() => undefined);
    await store.delete('b.txt');
    expect(instrument.ended('object-put')).toMatchObject([{ source: 'files', result: { size: 7 } }]);
    await eventually(
      () => instrument.ended('object-get'),
      ({ length }) => length === 3,
    );
    expect(
      instrument.ended('object-get').map(({ result }) => [result?.size, result?.error !== undefined]),
    ).toEqual([
      [7, false],
      [7, false],
      [undefined, true],
    ]);
    expect(instrument.ended('object-delete')).toHaveLength(1);
    const changed = ['object-update', 'object-link'] as const;
    expect(
      changed.flatMap((kind) =>
        instrument.ended(kind).map(({ call, result }) => [kind, call.target, result?.error !== undefined]),
      ),
    ).toEqual([
      ['object-update', 'b.txt', false],
      ['object-update', 'missing', true],
      ['object-link', 'link', false],
      ['object-link', 'all', false],
    ]);
    expect(instrument.ended('object-update')[0].result?.sequence).toBe(info.revision);
  });
});
