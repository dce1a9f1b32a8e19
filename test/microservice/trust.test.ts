import { Controller, Injectable, type OnModuleDestroy, type Type } from '@nestjs/common';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { connect } from '@nats-io/transport-node';
import {
  DuplicateRequestError,
  InvalidArgumentError,
  JetStreamModule,
  JetStreamService,
  NatsSubscribe,
} from 'nestjs-nats-jetstream';
import {
  JetStreamClient,
  JetStreamRecord,
  JetStreamRecordBuilder,
  JetStreamServer,
} from 'nestjs-nats-jetstream/microservice';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { NEVER, Observable } from 'rxjs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { LogRecorder } from '../support/log-recorder.js';
import { ask, connectClient, emit, failure, startMicroservice } from './microservice.js';

let seen: string[] = [];

/** A controller with one method, decorated as given. */
function controller(decorator: unknown, handle: (data: unknown) => unknown = () => undefined): Type {
  @Controller()
  class Handlers {
    on(data: unknown): unknown {
      return handle(data);
    }
  }
  const method = Object.getOwnPropertyDescriptor(Handlers.prototype, 'on') ?? {};
  (decorator as MethodDecorator)(Handlers.prototype, 'on', method);
  Payload()(Handlers.prototype, 'on', 0);
  return Handlers;
}

describe('microservices', () => {
  let nats: NatsTestServer;
  let client: Awaited<ReturnType<typeof connectClient>>;

  beforeAll(async () => {
    nats = await NatsTestServer.start();
    client = await connectClient(nats.url);
  });
  afterAll(async () => {
    await client.close();
    await nats.stop();
  });
  beforeEach(() => {
    seen = [];
  });

  const saw = (text: string) =>
    eventually(
      () => seen,
      (all) => all.includes(text),
    );

  describe('options that do not exist', () => {
    it.each([
      ['servers', { servers: 'nats://localhost' }, 'connection: { servers }'],
      ['a misspelled one', { timout: 5 }, '"timeout"'],
      ['one of publish', { publish: { maxPendng: 5 } }, '"maxPending"'],
      ['one of jetstream', { jetstream: { prefix: 'x' } }, 'jetstream.prefix'],
      ['null instead of all', null, 'object'],
    ])('of a client stop it: %s', (_, options, words) => {
      expect(() => new JetStreamClient(options as never)).toThrow(InvalidArgumentError);
      expect(() => new JetStreamClient(options as never)).toThrow(words);
    });

    it.each([
      ['servers', { servers: 'nats://localhost' }, 'connection: { servers }'],
      ['a misspelled one', { shutdownTimout: 5 }, '"shutdownTimeout"'],
      ['one of events', { events: { concurency: 5 } }, '"concurrency"'],
      ['one of requests', { requests: { retry: { maxDelivery: 5 } } }, '"maxDeliver"'],
    ])('of a server stop it: %s', (_, options, words) => {
      const make = () => new JetStreamServer({ name: 'a', ...options } as never);
      expect(make).toThrow(InvalidArgumentError);
      expect(make).toThrow(words);
    });

    it('of a record stop it', () => {
      expect(() => new JetStreamRecord(1, { mesageId: 'a' } as never)).toThrow('"messageId"');
    });

    it.each([
      ['concurrency', MessagePattern('o.a', { concurency: 3 })],
      ['maxPending', MessagePattern('o.a', { maxPendin: 3 })],
      ['broadcast', EventPattern('o.a', { mode: 'core', brodcast: true })],
      ['maxDeliver', MessagePattern('o.a', { mode: 'jetstream', retry: { maxDelivr: 1 } })],
    ])('of a pattern stop the boot: %s', async (name, decorator) => {
      const error = await failure(startMicroservice(nats.url, { controllers: [controller(decorator)] }));
      expect(error.message).toContain(`"${name}"`);
      expect(error.message).toContain("'o.a'");
    });

    it('of a pattern that resemble none are for another transport, and are logged', async () => {
      const foreign = controller(MessagePattern('o.b', { kafkaTopic: 'x' }), () => 1);
      await using service = await startMicroservice(nats.url, { controllers: [foreign] });
      expect(await ask(client, 'o.b', 1)).toBe(1);
      expect(service.logs.of('warn', 'JetStreamServer').join()).toContain('kafkaTopic');
    });
  });

  describe('handlers that compete for the messages of a queue group stop the boot', () => {
    it.each([
      ['events', EventPattern('q.*', core('g')), EventPattern('q.a', core('g'))],
      ['events and requests', EventPattern('q.a', core('service')), MessagePattern('q.a')],
      [
        'events and requests of a group',
        EventPattern('q.>', core('g')),
        MessagePattern('q.a', { queue: 'g' }),
      ],
    ])('%s', async (_, first, second) => {
      const controllers = [controller(first), controller(second)];
      const error = await failure(startMicroservice(nats.url, { controllers }));
      expect(error.message).toContain('shares the queue group');
    });

    it.each([
      ['overlapping subjects', 'q.*', 'q.a'],
      ['the same subject', 'q.a', 'q.a'],
    ])('subscriptions with %s', async (_, one, other) => {
      @Injectable()
      class Rivals {
        @NatsSubscribe(one, { queue: 'g' })
        one(): void {}

        @NatsSubscribe(other, { queue: 'g' })
        other(): void {}
      }
      const module = await Test.createTestingModule({
        imports: [JetStreamModule.forRoot({ connection: { servers: nats.url } })],
        providers: [Rivals],
      })
        .setLogger(new LogRecorder())
        .compile();
      const error = await failure(module.init());
      expect(error.message).toContain('Rivals.other');
      expect(error.message).toContain('Rivals.one');
    });

    it.each([
      ['in different groups', EventPattern('f.a', core('g')), EventPattern('f.a', core('h'))],
      ['of one pattern', EventPattern('f.b', core('g')), EventPattern('f.b', core('g'))],
      ['without overlap', EventPattern('f.c', core('g')), EventPattern('f.d', core('g'))],
      ['in every instance', EventPattern('f.e', { mode: 'core', broadcast: true }), MessagePattern('f.e')],
    ])('but not those %s', async (_, first, second) => {
      const controllers = [controller(first), controller(second)];
      await using service = await startMicroservice(nats.url, { controllers });
      expect(service.app).toBeDefined();
    });
  });

  describe('an event that cannot be stored', () => {
    const errorsOf = async (act: (own: JetStreamClient) => Promise<void>): Promise<string[]> => {
      const logs = new LogRecorder();
      const module = await Test.createTestingModule({}).setLogger(logs).compile();
      await using own = await connectClient(nats.url, { publish: { retry: { attempts: 0 } } });
      await act(own);
      await new Promise((resolve) => setTimeout(resolve, 1_300));
      await module.close();
      return logs.of('error', 'JetStreamClient');
    };

    it('is logged if there is no subscriber', async () => {
      await client.connect();
      const jetstream = await connectClient(nats.url);
      const raw = await connect({ servers: nats.url });
      await raw.request(
        '$JS.API.STREAM.CREATE.FULL',
        JSON.stringify({ name: 'FULL', subjects: ['full'], max_msgs: 1, discard: 'new', storage: 'memory' }),
      );
      await emit(jetstream, 'full', 1);
      await jetstream.close();
      await raw.close();
      const errors = await errorsOf(async (own) => {
        own.emit('nowhere.x', 1);
        own.emit('full', 2);
        own.emit('no subject', 3);
      });
      expect(errors).toHaveLength(1);
      expect(errors[0]).toContain('3 events were not emitted');
    });

    it('is not logged if the subscriber received the error', async () => {
      const errors = await errorsOf(async (own) => {
        expect((await failure(emit(own, 'nowhere.x', 1))).name).toBe('NoStreamResponseError');
        const late = own.emit('nowhere.x', 1);
        await new Promise((resolve) => setTimeout(resolve, 100));
        await failure(
          new Promise((resolve, reject) => {
            late.subscribe({ next: resolve, error: reject });
          }),
        );
      });
      expect(errors).toEqual([]);
    });
  });

  it('reject a durable request at once if its message id is taken', async () => {
    const work = controller(MessagePattern('dup.work', { mode: 'jetstream' }), (data) => data);
    await using service = await startMicroservice(nats.url, {
      controllers: [work],
      server: { name: 'dup', streams: [{ name: 'DUP', subjects: ['dup.>'], retention: 'workqueue' }] },
    });
    expect(service.app).toBeDefined();
    const record = new JetStreamRecordBuilder(7).setMode('jetstream').setMessageId('seven').build();
    expect(await ask(client, 'dup.work', record)).toBe(7);
    const started = performance.now();
    const error = await failure(ask(client, 'dup.work', record));
    expect(error).toBeInstanceOf(DuplicateRequestError);
    expect(error.message).toContain('"seven"');
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  it('all stop when a caller unsubscribes from a request that several of them answer', async () => {
    const stopped: number[] = [];
    const services = await Promise.all(
      [1, 2, 3].map((n) => {
        const endless = controller(
          MessagePattern('all.endless'),
          () =>
            new Observable((subscriber) => {
              seen.push(String(n));
              // One answers at once, the others have not answered yet.
              if (n === 1) subscriber.next(n);
              return () => void stopped.push(n);
            }),
        );
        return startMicroservice(nats.url, { controllers: [endless], server: { queue: false } });
      }),
    );
    const caller = client.send('all.endless', 1).subscribe();
    await eventually(
      () => seen,
      (all) => all.length === 3,
    );
    caller.unsubscribe();
    await eventually(
      () => stopped.length,
      (count) => count === 3,
    );
    const started = performance.now();
    await Promise.all(services.map(({ app }) => app.close()));
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  it('survive that a cancelled source throws', async () => {
    const teardown = controller(
      MessagePattern('teardown.observable'),
      () =>
        new Observable((subscriber) => {
          subscriber.next(1);
          return () => {
            seen.push('observable');
            throw new Error('teardown');
          };
        }),
    );
    const iterable = controller(MessagePattern('teardown.iterable'), () => ({
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise((resolve) => setTimeout(() => resolve({ done: false, value: 1 }), 5)),
        return: () => {
          seen.push('iterable');
          throw new Error('teardown');
        },
      }),
    }));
    const value = controller(MessagePattern('teardown.value'), () => 'value');
    await using service = await startMicroservice(nats.url, { controllers: [teardown, iterable, value] });
    for (const kind of ['observable', 'iterable']) {
      await new Promise<void>((resolve) => {
        const caller = client.send(`teardown.${kind}`, 1).subscribe(() => {
          setImmediate(() => caller.unsubscribe());
          resolve();
        });
      });
      await saw(kind);
    }
    await eventually(
      () => service.logs.of('error', 'JetStreamServer'),
      (lines) => lines.filter((line) => line.includes('after they were cancelled')).length === 2,
    );
    expect(await ask(client, 'teardown.value', 1)).toBe('value');
  });

  it.each([
    ['iterator', { [Symbol.asyncIterator]: () => thrower() }],
    ['next', { [Symbol.asyncIterator]: () => ({ next: () => thrower() }) }],
    ['answer', { toJSON: () => thrower() }],
    // oxlint-disable-next-line unicorn/no-thenable -- this is what is tested
    ['thenable', { then: () => thrower() }],
    ['subscription', new Observable(() => thrower())],
  ])('answer with an error if the result of a handler throws: %s', async (name, result) => {
    const broken = controller(MessagePattern(`broken.${name}`), () => result);
    await using service = await startMicroservice(nats.url, { controllers: [broken] });
    expect(service.app).toBeDefined();
    expect(await failure(ask(client, `broken.${name}`, 1))).toBeInstanceOf(Error);
  });

  describe('whose connection is closed by its owner while handlers are in flight', () => {
    it.each([
      ['events', EventPattern('own.event')],
      ['core events', EventPattern('own.event', { mode: 'core' })],
      ['requests', MessagePattern('own.event')],
      ['durable requests', MessagePattern('own.event', { mode: 'jetstream' })],
    ])('do not end the process: %s', async (_, decorator) => {
      const nc = await connect({ servers: nats.url });
      let release: (value: unknown) => void = () => undefined;
      const slow = controller(decorator, () => {
        seen.push('begun');
        return new Promise((resolve) => (release = resolve));
      });
      const service = await startMicroservice(nats.url, {
        controllers: [slow],
        server: { connection: nc, streams: [{ name: 'OWN', subjects: ['own.>'] }], shutdownTimeout: 1_000 },
      });
      const request = JSON.stringify({ pattern: 'own.event', data: 1, id: 'js.1' });
      nc.publish('own.event', request, { reply: '_INBOX.own' });
      await saw('begun');
      await nc.close();
      release(1);
      const started = performance.now();
      await service.app.close();
      expect(performance.now() - started).toBeLessThan(4_000);
    });
  });

  it('survive listeners of their events that throw or reject, and call the others', async () => {
    const proxied = await NatsTestServer.start();
    const own = await connectClient(proxied.url, {
      connection: { servers: proxied.url, reconnectTimeWait: 50 },
    });
    const heard: string[] = [];
    const gone = new Promise<void>((resolve) => {
      own.on('disconnect', () => thrower());
      own.on('disconnect', () => Promise.reject(new Error('rejected')) as unknown as void);
      own.on('disconnect', () => {
        heard.push('disconnect');
        resolve();
      });
    });
    await proxied.stop();
    await gone;
    expect(heard).toEqual(['disconnect']);
    await own.close();
  });

  it('in a hybrid application drain their handlers before providers are destroyed', async () => {
    @Injectable()
    class Database implements OnModuleDestroy {
      onModuleDestroy(): void {
        seen.push('destroyed');
      }
    }
    const slow = controller(EventPattern('hybrid.event'), async () => {
      seen.push('begun');
      await new Promise((resolve) => setTimeout(resolve, 300));
      seen.push('handled');
    });
    const module = await Test.createTestingModule({
      imports: [JetStreamModule.forRoot({ connection: { servers: nats.url } })],
      controllers: [slow],
      providers: [Database],
    })
      .setLogger(new LogRecorder())
      .compile();
    const app = module.createNestApplication();
    const server = new JetStreamServer({
      name: 'hybrid',
      connection: app.get(JetStreamService),
      streams: [{ name: 'HYBRID', subjects: ['hybrid.>'] }],
    });
    app.connectMicroservice({ strategy: server });
    await app.startAllMicroservices();
    await app.init();
    await emit(client, 'hybrid.event', 1);
    await saw('begun');
    await app.close();
    expect(seen).toEqual(['begun', 'handled', 'destroyed']);
  });
});

describe('a server that does not respond', () => {
  it.each([
    ['a client', (url: string) => connectClient(url).then((own) => () => own.close())],
    [
      'a service',
      (url: string) =>
        startMicroservice(url, {
          controllers: [controller(MessagePattern('frozen'), () => NEVER)],
          server: { shutdownTimeout: 500 },
        }).then(
          ({ app }) =>
            () =>
              app.close(),
        ),
    ],
  ])('does not block the end of %s', async (_, start) => {
    await using nats = await NatsTestServer.start();
    const close = await start(nats.url);
    nats.pause();
    const started = performance.now();
    await close();
    expect(performance.now() - started).toBeLessThan(6_000);
    nats.resume();
  });
});

function core(queue: string): { mode: 'core'; queue: string } {
  return { mode: 'core', queue };
}

function thrower(): never {
  throw new Error('thrown by the handler');
}
