import { Controller, Injectable } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import {
  bytesCodec,
  DeadLetterContext,
  getKeyValueToken,
  getNatsConnectionToken,
  InvalidArgumentError,
  JetStreamContext,
  JetStreamModule,
  JetStreamService,
  JsConsumer,
  jsonCodec,
  KeyValueService,
  KvWatch,
  OnDeadLetter,
  PublishTo,
  NatsSubscribe,
  TerminateMessage,
  textCodec,
  type Codec,
  type JetStreamFeatureOptions,
  type KeyValue,
} from 'nestjs-nats-jetstream';
import { msgpackCodec } from 'nestjs-nats-jetstream/msgpack';
import type { NatsConnection } from '@nats-io/transport-node';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ask, connectClient, startMicroservice } from '../microservice/microservice.js';
import { startApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

const csvCodec: Codec<unknown[]> = {
  contentType: 'text/csv',
  encode: (row) => textCodec.encode(row.join(',')),
  decode: (data) => textCodec.decode(data).split(','),
};

describe('the codec of a handler', () => {
  let server: NatsTestServer;
  let serial = 0;
  let root = '';
  const seen: unknown[] = [];
  const count = (n: number): Promise<number> =>
    eventually(
      () => seen.length,
      (length) => length >= n,
    );

  beforeAll(async () => {
    server = await NatsTestServer.start();
  });
  afterAll(() => server.stop());
  beforeEach(() => {
    root = `codec${++serial}`;
    seen.length = 0;
  });

  const declare = (codec?: Codec): JetStreamFeatureOptions => ({
    streams: [{ name: root, subjects: [`${root}.>`], storage: 'memory', ...(codec && { codec }) }],
  });

  it.each([
    { what: 'rejects', decode: () => Promise.reject(new Error('too late')) },
    { what: 'resolves', decode: () => Promise.resolve({ id: 1 }) },
    { what: 'never settles', decode: () => new Promise(() => undefined) },
  ])('that returns a promise that $what is reported, and the message is redelivered', async ({ decode }) => {
    let calls = 0;
    const codec: Codec = {
      contentType: 'application/x-late',
      encode: (value) => jsonCodec.encode(value),
      // Only at the first call of each handler.
      decode: (data) => (++calls <= 2 ? decode() : jsonCodec.decode(data)),
    };
    const options = { stream: root, codec, retry: { maxDeliver: 2, backoff: [5] } };
    @Injectable()
    class Late {
      @JsConsumer({ ...options, durable: 'one' })
      on(@Payload() payload: unknown): void {
        seen.push(payload);
      }
      @JsConsumer({ ...options, durable: 'batch', batch: { size: 1 } })
      onBatch(@Payload() payloads: unknown[]): void {
        seen.push(...payloads);
      }
    }
    await using application = await startApplication(server.url, { feature: declare(), providers: [Late] });
    await application.app.get(JetStreamService).publish(`${root}.a`, { id: 2 });
    await count(2);
    expect(seen).toEqual([{ id: 2 }, { id: 2 }]);
    const warnings = application.logs.of('warn').join('\n');
    expect(warnings).toContain('The decode method of the codec for application/x-late returned a promise');
  });

  it('is chosen by the Content-Type, otherwise by the stream, otherwise by the module', async () => {
    const subject = `${root}.a`;
    @Injectable()
    class All {
      @JsConsumer({ stream: root, durable: 'all' })
      handle(@Payload() payload: unknown): void {
        seen.push(payload);
      }
    }
    await using application = await startApplication(server.url, {
      options: { codecs: [csvCodec] },
      feature: {
        streams: [
          ...(declare(msgpackCodec).streams ?? []),
          { name: `${root}-json`, subjects: [`${root}-json`], storage: 'memory' },
        ],
      },
      providers: [All],
    });
    const jetstream = application.app.get(JetStreamService);
    await jetstream.publish(subject, { at: new Date(0) });
    await jetstream.publish(subject, { a: 1 }, { codec: jsonCodec });
    await jetstream.publish(subject, ['x', 'y'], { codec: csvCodec });
    await jetstream.publish(subject, new Uint8Array([1, 2]), {
      headers: { 'Content-Type': bytesCodec.contentType },
    });
    jetstream.publishAsync(subject, { at: new Date(1) });
    await count(5);
    expect(seen).toEqual([
      { at: new Date(0) },
      { a: 1 },
      ['x', 'y'],
      Buffer.from([1, 2]),
      { at: new Date(1) },
    ]);
    const stored = await (await jetstream.stream(root)).getMessage(1);
    expect(Buffer.from(stored.data)).toEqual(Buffer.from(msgpackCodec.encode({ at: new Date(0) })));
    // The other stream has no codec of its own.
    await jetstream.publish(`${root}-json`, { at: new Date(0) });
    const other = await (await jetstream.stream(`${root}-json`)).getMessage(1);
    expect(other.json()).toEqual({ at: new Date(0).toISOString() });
  });

  it('is the default for an unknown Content-Type, which is logged', async () => {
    @Injectable()
    class All {
      @JsConsumer({ stream: root, durable: 'all' })
      handle(@Payload() payload: unknown): void {
        seen.push(payload);
      }
    }
    await using application = await startApplication(server.url, { feature: declare(), providers: [All] });
    const jetstream = application.app.get(JetStreamService);
    const headers = { Other: 'x', 'Content-Type': 'text/xml' };
    await jetstream.publish(`${root}.a`, Buffer.from('<a/>'), { headers });
    await jetstream.publish(`${root}.a`, Buffer.from('{"a":1}'), { headers });
    await count(1);
    expect(seen).toEqual([{ a: 1 }]);
    expect(application.logs.of('warn', 'Settlement')).toEqual([
      expect.stringContaining(
        'the payload is not application/json (its Content-Type is "text/xml": add a codec for that type to the option codecs)',
      ),
    ]);
  });

  it('is its own codec for all messages, if it has one', async () => {
    @Injectable()
    class Own {
      @JsConsumer({ stream: root, durable: 'own', codec: textCodec })
      handle(@Payload() payload: unknown): void {
        seen.push(payload);
      }
    }
    await using application = await startApplication(server.url, {
      feature: declare(msgpackCodec),
      providers: [Own],
    });
    await application.app.get(JetStreamService).publish(`${root}.a`, { a: 1 }, { codec: jsonCodec });
    await count(1);
    expect(seen).toEqual(['{"a":1}']);
  });

  it('is that of the stream for batches, dead letters, results and core NATS too', async () => {
    const at = new Date(0);
    @Injectable()
    class Every {
      @JsConsumer({ stream: root, durable: 'batches', filterSubjects: `${root}.a`, batch: { size: 10 } })
      batch(@Payload() [payload]: unknown[]): void {
        seen.push(['batch', payload]);
      }

      @JsConsumer({ stream: root, durable: 'failing', filterSubjects: `${root}.a`, deadLetter: true })
      fail(): void {
        throw new TerminateMessage('no');
      }

      @OnDeadLetter({ stream: root, durable: `${root}-letters` })
      letter(@Payload() payload: unknown, @Ctx() { deadLetter }: DeadLetterContext): void {
        seen.push([deadLetter.subject, payload]);
      }

      @JsConsumer({ stream: root, durable: 'results', filterSubjects: `${root}.a` })
      @PublishTo(`${root}.result`)
      result(@Payload() payload: unknown): unknown {
        return { result: payload };
      }

      @JsConsumer({ stream: root, durable: 'after', filterSubjects: `${root}.result` })
      after(@Payload() payload: unknown, @Ctx() { subject }: JetStreamContext): void {
        seen.push([subject, payload]);
      }

      @NatsSubscribe(`${root}.core.*`)
      core(@Payload() payload: unknown): void {
        seen.push(['core', payload]);
      }
    }
    await using application = await startApplication(server.url, {
      feature: declare(msgpackCodec),
      providers: [Every],
    });
    const { app } = application;
    await app.get(JetStreamService).publish(`${root}.a`, { at });
    app.get<NatsConnection>(getNatsConnectionToken()).publish(`${root}.core.x`, msgpackCodec.encode({ at }));
    await count(4);
    expect(new Set(seen)).toEqual(
      new Set([
        ['batch', { at }],
        ['core', { at }],
        [`${root}.a`, { at }],
        [`${root}.result`, { result: { at } }],
      ]),
    );
  });

  it('is that of the stream for events and durable requests of a microservice', async () => {
    const at = new Date(0);
    @Controller()
    class Service {
      @EventPattern(`${root}.event`)
      onEvent(@Payload() payload: unknown): void {
        seen.push(payload);
      }

      @MessagePattern(`${root}.request`, { mode: 'jetstream' })
      onRequest(@Payload() payload: unknown): unknown {
        return { got: payload };
      }
    }
    const stream = { name: root, subjects: [`${root}.>`], storage: 'memory', codec: msgpackCodec } as const;
    await using _ = await startMicroservice(server.url, {
      server: { streams: [stream] },
      controllers: [Service],
    });
    await using caller = await startApplication(server.url, { feature: declare(msgpackCodec) });
    const jetstream = caller.app.get(JetStreamService);
    await using client = await connectClient(server.url, { connection: jetstream, mode: 'jetstream' });
    await new Promise((resolve) =>
      client.emit(`${root}.event`, { at }).subscribe({ complete: () => resolve(0) }),
    );
    await count(1);
    expect(seen).toEqual([{ at }]);
    // The request is stored with the stream's codec; the answer uses the client's codec.
    expect(await ask(client, `${root}.request`, { at })).toEqual({ got: { at: at.toISOString() } });
    const stored = await (await jetstream.stream(root)).getMessage(1);
    expect(msgpackCodec.decode(stored.data)).toEqual({ at });
  });

  it('is that of the bucket for a watch', async () => {
    const at = new Date(0);
    @Injectable()
    class Watch {
      @KvWatch(root)
      onChange(@Payload() payload: unknown): void {
        seen.push(payload);
      }
    }
    await using application = await startApplication(server.url, {
      feature: { keyValues: [{ bucket: root, storage: 'memory', codec: msgpackCodec }] },
      providers: [Watch],
    });
    const { app } = application;
    await app.get<KeyValue>(getKeyValueToken(root)).put('a', { at });
    await count(1);
    expect(seen).toEqual([{ at }]);
    const opened = await app.get(KeyValueService).open(root);
    expect((await opened.get('a'))?.value).toEqual({ at });
    const other = await app.get(KeyValueService).open(root, { codec: bytesCodec });
    expect((await other.get('a'))?.value).toEqual(Buffer.from(msgpackCodec.encode({ at })));
  });

  it('must be unique for a stream', async () => {
    const again = JetStreamModule.forFeature(declare(csvCodec));
    const boot = startApplication(server.url, { feature: declare(msgpackCodec), imports: [again] });
    await expect(boot).rejects.toThrow(InvalidArgumentError);
    await expect(boot).rejects.toThrow(/codec of stream "codec\d+": .*text\/csv.*declare only one codec/);
  });
});
