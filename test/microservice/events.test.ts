import {
  Catch,
  Controller,
  UseFilters,
  UsePipes,
  ValidationPipe,
  type ExceptionFilter,
  type Type,
} from '@nestjs/common';
import { Ctx, EventPattern, Payload, RpcException } from '@nestjs/microservices';
import type { NatsConnection } from '@nats-io/transport-node';
import { IsInt } from 'class-validator';
import {
  DEAD_LETTER_HEADERS,
  DEAD_LETTER_STREAM,
  RetryMessage,
  TerminateMessage,
  type StoredMessage,
  type JetStreamService,
} from 'nestjs-nats-jetstream';
import {
  JetStreamEventContext,
  JetStreamExceptionFilter,
  JetStreamRecordBuilder,
  type EventExtras,
  type JetStreamServerOptions,
} from 'nestjs-nats-jetstream/microservice';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { concat, of, throwError, timer, type Observable } from 'rxjs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connect } from '../../lib/connection/index.js';
import { eventually } from '../support/eventually.js';
import { connectClient, emit, failure, startMicroservice, type TestMicroservice } from './microservice.js';
import { serviceOn } from '../support/service-on.js';

/** A controller with one event handler. */
function controller(
  pattern: unknown,
  extras: EventExtras,
  handle: (data: unknown, context: JetStreamEventContext) => unknown,
): Type {
  @Controller()
  class Events {
    @EventPattern<unknown>(pattern, extras)
    on(@Payload() data: unknown, @Ctx() context: JetStreamEventContext): unknown {
      return handle(data, context);
    }
  }
  return Events;
}

describe('events from a stream', () => {
  let nats: NatsTestServer;
  let nc: NatsConnection;
  let jetstream: JetStreamService;
  let client: Awaited<ReturnType<typeof connectClient>>;
  let serial = 0;
  /** The data that the handlers of a test have received. */
  let seen: unknown[] = [];
  /** The first token of a test's subjects. */
  let root = '';

  beforeAll(async () => {
    nats = await NatsTestServer.start();
    nc = await connect({ servers: nats.url });
    jetstream = serviceOn(nc);
    client = await connectClient(nats.url);
  });
  afterAll(async () => {
    await client.close();
    await nc.close();
    await nats.stop();
  });
  beforeEach(() => {
    seen = [];
    root = `t${++serial}`;
  });

  const stream = () => ({ name: root.toUpperCase(), subjects: [`${root}.>`], storage: 'memory' as const });

  function start(
    controllers: Type[],
    server: Partial<JetStreamServerOptions> = {},
  ): Promise<TestMicroservice> {
    return startMicroservice(nats.url, {
      controllers,
      server: { name: root, streams: [stream()], ...server },
    });
  }

  const sawThat = (count: number) =>
    eventually(
      () => seen,
      (all) => all.length >= count,
    );

  /** The pending messages of a consumer. */
  const settled = (consumer: string) =>
    eventually(
      async () => (await jetstream.consumer(stream().name, consumer)).info(),
      ({ numPending, numAckPending }) => numPending === 0 && numAckPending === 0,
    );

  /** The only dead letter of the test's stream. */
  async function deadLetter(): Promise<{
    readonly message: StoredMessage;
    header(name: keyof typeof DEAD_LETTER_HEADERS): string;
  }> {
    const letters = await jetstream.stream(DEAD_LETTER_STREAM);
    const subject = `dead-letters.${stream().name}.>`;
    const info = await eventually(
      () => letters.info({ subjectFilter: subject }),
      ({ state }) => Object.keys(state.subjects ?? {}).length === 1,
    );
    const message = await letters.getLastMessage(Object.keys(info.state.subjects ?? {})[0]);
    return { message, header: (name) => message.headers?.get(DEAD_LETTER_HEADERS[name]) ?? '' };
  }

  describe('reach a handler', () => {
    it('once each, and are acknowledged when it has ended', async () => {
      let finish: () => void = () => undefined;
      const handler = controller(`${root}.created`, {}, async (data) => {
        seen.push(data);
        if (seen.length === 1) await new Promise<void>((resolve) => (finish = resolve));
      });
      await using service = await start([handler]);
      expect(service.app).toBeDefined();
      expect(await emit(client, `${root}.created`, { id: 1 })).toEqual({
        stream: stream().name,
        sequence: 1,
        duplicate: false,
      });
      await sawThat(1);
      const consumer = await jetstream.consumer(stream().name, `${root}_${root}-created`);
      expect((await consumer.info()).numAckPending).toBe(1);
      finish();
      await settled(`${root}_${root}-created`);
      expect(seen).toEqual([{ id: 1 }]);
    });

    it('even if they were published before the first start of the service', async () => {
      await jetstream.createStream(stream());
      for (let id = 1; id <= 3; id++) await emit(client, `${root}.created`, { id });
      await using service = await start([controller(`${root}.created`, {}, (data) => seen.push(data))]);
      expect(service.app).toBeDefined();
      await sawThat(3);
      expect(seen).toEqual([{ id: 1 }, { id: 2 }, { id: 3 }]);
    });

    it('whether they are bare or in the envelope of a Nest client, with subject and headers', async () => {
      const handler = controller(`${root}.*.created`, {}, (data, context) =>
        seen.push([
          data,
          context.getSubject(),
          context.getHeaders()?.get('Trace-Id'),
          context.metadata.streamSequence,
        ]),
      );
      await using service = await start([handler]);
      expect(service.app).toBeDefined();
      await emit(
        client,
        `${root}.eu.created`,
        new JetStreamRecordBuilder('bare').setHeaders({ 'Trace-Id': '1' }).build(),
      );
      nc.publish(
        `${root}.us.created`,
        JSON.stringify({ pattern: `${root}.us.created`, data: 'in an envelope' }),
      );
      await sawThat(2);
      expect(seen).toEqual([
        ['bare', `${root}.eu.created`, '1', 1],
        ['in an envelope', `${root}.us.created`, undefined, 2],
      ]);
    });

    it('unchanged, even if they look like packets', async () => {
      await using service = await start([controller(`${root}.x`, {}, (data) => seen.push(data))]);
      expect(service.app).toBeDefined();
      const events = [{ pattern: 'other', data: 1 }, { data: 1 }, { pattern: { cmd: 'x' }, id: 1, data: 2 }];
      for (const event of events) await emit(client, `${root}.x`, event);
      await sawThat(3);
      expect(seen).toEqual(events);
    });

    it('with a pattern that is an object, or has characters that are invalid in consumer names', async () => {
      const subject = `{"root":"${root}"}`;
      const handlers = [
        controller({ root }, {}, (data) => seen.push(data)),
        controller(`${root}.ä/ö`, {}, (data) => seen.push(data)),
      ];
      await using service = await start(handlers, {
        streams: [{ ...stream(), subjects: [subject, `${root}.>`] }],
      });
      expect(service.app).toBeDefined();
      await emit(client, { root }, 1);
      await sawThat(1);
      await emit(client, `${root}.ä/ö`, 2);
      await sawThat(2);
      expect(seen).toEqual([1, 2]);
    });

    it('of every matching pattern, each with its own consumer', async () => {
      const handlers = [
        controller(`${root}.created`, {}, () => seen.push('exact')),
        controller(`${root}.*`, {}, () => seen.push('any')),
        controller(`${root}.>`, {}, () => seen.push('all')),
      ];
      await using service = await start(handlers);
      expect(service.app).toBeDefined();
      await emit(client, `${root}.created`, 1);
      await sawThat(3);
      expect(new Set(seen)).toEqual(new Set(['all', 'any', 'exact']));
      const names: string[] = [];
      for await (const name of jetstream.consumerNames(stream().name)) names.push(name);
      expect(names.sort()).toEqual([`${root}_${root}-all`, `${root}_${root}-any`, `${root}_${root}-created`]);
    });

    it('in all handlers of the same pattern, and are acknowledged when all have ended', async () => {
      const handlers = [
        controller(`${root}.created`, {}, () => timer(50)),
        controller(`${root}.created`, {}, () => {
          seen.push('second');
          if (seen.length === 1) throw new RetryMessage();
        }),
      ];
      await using service = await start(handlers);
      expect(service.app).toBeDefined();
      await emit(client, `${root}.created`, 1);
      await sawThat(2);
      await settled(`${root}_${root}-created`);
      expect(seen).toEqual(['second', 'second']);
    });

    it('up to `concurrency` at once', async () => {
      let running = 0;
      let most = 0;
      const handler = controller(`${root}.x`, { concurrency: 4 }, async () => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setTimeout(resolve, 20));
        running--;
        seen.push(0);
      });
      await using service = await start([handler]);
      expect(service.app).toBeDefined();
      await Promise.all(Array.from({ length: 16 }, (_, i) => emit(client, `${root}.x`, i)));
      await sawThat(16);
      expect(most).toBe(4);
    });
  });

  describe('are settled like those of @JsConsumer:', () => {
    /** Runs one event through a handler; returns its delivery counts. */
    async function settle(
      handle: (delivery: number, context: JetStreamEventContext) => unknown,
      extras: EventExtras = {},
    ): Promise<TestMicroservice> {
      const handler = controller(
        `${root}.task`,
        { retry: { maxDeliver: 3, backoff: [10] }, durable: 'worker', ...extras } as EventExtras,
        (_, context) => {
          seen.push(context.metadata.deliveryCount);
          return handle(context.metadata.deliveryCount, context);
        },
      );
      const service = await start([handler]);
      await emit(client, `${root}.task`, { id: 1 });
      return service;
    }

    it.each<[string, () => unknown]>([
      ['returns', () => 'done'],
      ['resolves', async () => 'done'],
      ['returns an observable that ends', () => timer(20)],
      [
        'returns a generator that ends',
        async function* () {
          await new Promise((resolve) => setTimeout(resolve, 20));
          yield 1;
        },
      ],
    ])('%s: acknowledged', async (_, handle) => {
      await using service = await settle(handle);
      expect(service.app).toBeDefined();
      await sawThat(1);
      await settled('worker');
      expect(seen).toEqual([1]);
    });

    it.each<[string, () => unknown]>([
      [
        'throws',
        () => {
          throw new Error('broken');
        },
      ],
      ['rejects', () => Promise.reject(new RpcException('broken'))],
      [
        'returns an observable that fails',
        (): Observable<unknown> =>
          concat(
            of(1),
            throwError(() => new RpcException('broken')),
          ),
      ],
    ])('%s: retried with backoff, finally a dead letter', async (_, handle) => {
      await using service = await settle(handle);
      const { message, header } = await deadLetter();
      expect(seen).toEqual([1, 2, 3]);
      expect(message.json()).toEqual({ id: 1 });
      expect(header('subject')).toBe(`${root}.task`);
      expect(header('handler')).toBe(`@EventPattern('${root}.task')`);
      expect(header('deliveries')).toBe('3');
      await settled('worker');
      expect(service.logs.of('error', 'Settlement').join()).toContain(`"${root}.task"`);
    });

    it('throws RetryMessage: retried after its delay', async () => {
      await using service = await settle((delivery) => {
        if (delivery === 1) throw new RetryMessage(5);
      });
      expect(service.app).toBeDefined();
      await sawThat(2);
      await settled('worker');
      expect(seen).toEqual([1, 2]);
    });

    it('throws TerminateMessage: a dead letter with its reason', async () => {
      await using service = await settle(() => {
        throw new TerminateMessage('out of stock');
      });
      expect(service.app).toBeDefined();
      expect((await deadLetter()).header('reason')).toBe('out of stock');
      await settled('worker');
      expect(seen).toEqual([1]);
    });

    it('settled through the context: not settled again', async () => {
      await using service = await settle((delivery, context) => {
        if (delivery === 1) context.nak(5);
        else context.ack();
      });
      expect(service.app).toBeDefined();
      await sawThat(2);
      await settled('worker');
      expect(seen).toEqual([1, 2]);
    });

    it('deadLetter: false stores no dead letters, and retries without limit', async () => {
      await using service = await settle(
        (delivery) => {
          if (delivery < 8) throw new RpcException('not yet');
        },
        { deadLetter: false, retry: { backoff: [1] } },
      );
      expect(service.app).toBeDefined();
      await sawThat(8);
      await settled('worker');
    });

    it('slow handler: kept alive beyond ackWait', async () => {
      await using service = await settle(() => timer(400), { ackWait: 150 });
      expect(service.app).toBeDefined();
      await sawThat(1);
      await settled('worker');
      expect(seen).toEqual([1]);
    });
  });

  describe('that cannot be handled', () => {
    class Order {
      @IsInt()
      readonly id!: number;
    }

    it('because they are malformed become dead letters, without affecting others', async () => {
      const handler = controller(`${root}.x`, { durable: 'worker' }, (data) => seen.push(data));
      await using service = await start([handler]);
      await emit(client, `${root}.x`, new Uint8Array([123, 255, 0]));
      const { message, header } = await deadLetter();
      expect([...message.data]).toEqual([123, 255, 0]);
      expect(header('reason')).toBe('invalid payload');
      await emit(client, `${root}.x`, 'fine');
      await sawThat(1);
      await settled('worker');
      expect(seen).toEqual(['fine']);
      expect(service.logs.of('warn', 'Settlement').join()).toContain(`"${root}.x"`);
    });

    it('because a pipe rejects them become dead letters at once with JetStreamExceptionFilter', async () => {
      @Controller()
      @UseFilters(JetStreamExceptionFilter)
      class Orders {
        @EventPattern<unknown>(`${root}.x`, { durable: 'worker' } satisfies EventExtras)
        @UsePipes(new ValidationPipe())
        on(@Payload() order: Order): void {
          seen.push(order);
        }
      }
      await using service = await start([Orders]);
      expect(service.app).toBeDefined();
      await emit(client, `${root}.x`, { id: 'one' });
      const { header } = await deadLetter();
      expect(header('reason')).toBe('invalid payload');
      expect(header('error')).toContain('id must be an integer number');
      expect(header('deliveries')).toBe('1');
      expect(seen).toEqual([]);
    });

    it('are logged and stored with the thrown error with JetStreamExceptionFilter', async () => {
      const fail = () => {
        throw new TypeError('no such field');
      };
      const extras = { durable: 'worker', retry: { maxDeliver: 1 } };
      @UseFilters(JetStreamExceptionFilter)
      @Controller()
      class Telling extends controller(`${root}.x`, extras, fail) {}
      await using service = await start([Telling]);
      await emit(client, `${root}.x`, 1);
      expect((await deadLetter()).header('error')).toBe('TypeError: no such field');
      await settled('worker');
      expect(service.logs.of('error', 'Settlement').join()).toContain('no such field');
      expect(service.logs.of('error', 'RpcExceptionsHandler')).toEqual([]);
    });

    // As with Nest's own transports: Nest takes a promise for the answer of the filter.
    it.each<[string, () => unknown, number]>([
      ['a filter that returns nothing leaves it to the error', () => undefined, 1],
      ['an asynchronous filter that resolves with nothing has handled it', () => Promise.resolve(), 0],
      ['an asynchronous filter that rethrows leaves it to the error', () => Promise.reject(new Error()), 1],
    ])('%s', async (_, answer, letters) => {
      @Catch()
      class Answering implements ExceptionFilter {
        catch(): unknown {
          return answer();
        }
      }
      const fail = (): never => {
        seen.push(1);
        throw new TypeError('broken');
      };
      @UseFilters(Answering)
      @Controller()
      class Failing extends controller(`${root}.x`, { durable: 'worker', retry: { maxDeliver: 1 } }, fail) {}
      await using service = await start([Failing]);
      expect(service.app).toBeDefined();
      await emit(client, `${root}.x`, 1);
      await sawThat(1);
      await settled('worker');
      const kept = await (
        await jetstream.stream(DEAD_LETTER_STREAM)
      ).info({ subjectFilter: `dead-letters.${stream().name}.>` });
      expect(Object.keys(kept.state.subjects ?? {})).toHaveLength(letters);
    });

    it('because the service has no handler become dead letters, and the log names the subject', async () => {
      const both = [
        controller(`${root}.old`, {}, () => timer(10_000)),
        controller(`${root}.new`, {}, (data) => seen.push(data)),
      ];
      const server: Partial<JetStreamServerOptions> = {
        events: { consumer: 'service', ackWait: 500 },
        shutdownTimeout: 0,
        // The consumer keeps its configuration.
        provisioning: 'ensure',
      };
      const before = await start(both, server);
      await before.app.close();
      await using after = await start(both.slice(1), { ...server, streams: [], provisioning: 'off' });
      await emit(client, `${root}.old`, { id: 1 });
      await emit(client, `${root}.new`, { id: 2 });
      const { header, message } = await deadLetter();
      expect(header('reason')).toBe(`no handler for "${root}.old"`);
      expect(message.json()).toEqual({ id: 1 });
      await sawThat(1);
      await settled(root);
      expect(after.logs.of('warn', 'Settlement').join()).toContain(`no handler for "${root}.old"`);
    });
  });

  describe('with one consumer per service', () => {
    it('all patterns share it, and each event reaches all matching ones', async () => {
      const handlers = [
        controller(`${root}.created`, {}, () => seen.push('created')),
        controller(`${root}.*.paid`, {}, (_, { subject }) => seen.push(subject)),
        controller(`${root}.eu.paid`, {}, () => seen.push('europe')),
        controller(`${root}.apart`, { durable: 'apart', concurrency: 8 }, () => seen.push('apart')),
      ];
      await using service = await start(handlers, { events: { consumer: 'service', concurrency: 2 } });
      expect(service.app).toBeDefined();
      const { config } = (await jetstream.consumer(stream().name, root)).cachedInfo;
      expect([...(config.filterSubjects ?? [])].sort()).toEqual([`${root}.*.paid`, `${root}.created`]);
      await emit(client, `${root}.created`, 1);
      await emit(client, `${root}.eu.paid`, 1);
      await emit(client, `${root}.us.paid`, 1);
      await emit(client, `${root}.apart`, 1);
      await sawThat(5);
      expect(new Set(seen)).toEqual(
        new Set(['apart', 'created', 'europe', `${root}.eu.paid`, `${root}.us.paid`]),
      );
      await settled(root);
    });

    it('patterns that ask for other options, or overlap in part, are boot errors', async () => {
      await jetstream.createStream(stream());
      const error = await failure(
        start(
          [
            controller(`${root}.a`, {}, () => undefined),
            controller(`${root}.b`, { concurrency: 8 }, () => undefined),
            controller(`${root}.*.c`, { durable: 'overlap' }, () => undefined),
            controller(`${root}.b.*`, { durable: 'overlap' }, () => undefined),
          ],
          { events: { consumer: 'service' } },
        ),
      );
      expect(error.name).toBe('HandlerConfigurationError');
      expect(error.message).toContain(`@EventPattern('${root}.b'): shares the durable "${root}"`);
      expect(error.message).toContain(`"${root}.*.c" and "${root}.b.*" match some of the same subjects`);
    });
  });

  it('are shared by the instances of a service, and delivered to each other service', async () => {
    const by = (who: string) => controller(`${root}.x`, {}, (data) => seen.push([who, data]));
    await using first = await start([by('billing')], { name: `${root}-billing` });
    await using second = await start([by('billing')], { name: `${root}-billing` });
    await using other = await start([by('shipping')], { name: `${root}-shipping` });
    expect([first, second, other]).toHaveLength(3);
    for (let i = 0; i < 20; i++) await emit(client, `${root}.x`, i);
    await sawThat(40);
    const eventsOf = (who: string) =>
      seen.filter((each) => (each as [string])[0] === who).map((each) => (each as [string, number])[1]);
    expect(eventsOf('billing').sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(eventsOf('shipping').sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i));
  });

  it('with broadcast reach each of three instances, from its start on', async () => {
    const instance = (who: number) =>
      controller(`${root}.x`, { broadcast: true }, (data) => seen.push(`${who}: ${String(data)}`));
    await jetstream.createStream(stream());
    await emit(client, `${root}.x`, 'too early');
    await using one = await start([instance(1)]);
    await using two = await start([instance(2)]);
    await using three = await start([instance(3)]);
    expect([one, two, three]).toHaveLength(3);
    for (let i = 0; i < 5; i++) await emit(client, `${root}.x`, i);
    await sawThat(15);
    for (const who of [1, 2, 3]) {
      expect(seen.filter((each) => String(each).startsWith(`${who}: `))).toEqual(
        Array.from({ length: 5 }, (_, i) => `${who}: ${i}`),
      );
    }
  });

  it('ordered: are handled in stream order, one after another, and retried in place', async () => {
    await jetstream.createStream(stream());
    for (let i = 0; i < 200; i++) await jetstream.publish(`${root}.x`, JSON.stringify(i));
    let failures = 0;
    const handler = controller(
      `${root}.x`,
      { ordered: true, retry: { backoff: [1] } },
      async (data, context) => {
        if (data === 100 && failures++ < 2) throw new RpcException('not yet');
        await Promise.resolve();
        seen.push(data);
        expect(context.metadata.streamSequence).toBe((data as number) + 1);
      },
    );
    await using service = await start([handler]);
    expect(service.app).toBeDefined();
    await sawThat(200);
    expect(seen).toEqual(Array.from({ length: 200 }, (_, i) => i));
  });

  it.each([
    ['kept with deadLetter: true', { deadLetter: true }, 1],
    ['skipped by default', {}, 0],
  ])('ordered: that used up their attempts are %s', async (_, extras, letters) => {
    const handler = controller(
      `${root}.x`,
      { ordered: true, deliverPolicy: 'all', retry: { maxDeliver: 2, backoff: [1] }, ...extras },
      (data) => {
        seen.push(data);
        if (data === 1) throw new TerminateMessage('never');
      },
    );
    await using service = await start([handler]);
    expect(service.app).toBeDefined();
    await emit(client, `${root}.x`, 1);
    await emit(client, `${root}.x`, 2);
    await sawThat(2);
    expect(seen).toEqual([1, 2]);
    const stored = await jetstream.stream(DEAD_LETTER_STREAM);
    await eventually(
      () => stored.info({ subjectFilter: `dead-letters.${stream().name}.>` }),
      ({ state }) => Object.keys(state.subjects ?? {}).length === letters,
    );
  });

  it("with mode: 'core' need no stream: once per service, or per instance with broadcast", async () => {
    const handlers = (who: string) => [
      controller(`${root}-core.x`, { mode: 'core' }, () => seen.push('shared')),
      controller(`${root}-core.*`, { mode: 'core' }, () => seen.push('shared wildcard')),
      controller(`${root}-core.>`, { mode: 'core', broadcast: true }, () => seen.push(who)),
    ];
    await using one = await start(handlers('one'), { streams: [] });
    await using two = await start(handlers('two'), { streams: [] });
    expect([one, two]).toHaveLength(2);
    const core = new JetStreamRecordBuilder({ id: 1 }).setMode('core').build();
    for (let i = 0; i < 10; i++) await emit(client, `${root}-core.x`, core);
    await sawThat(40);
    const count = (word: string) => seen.filter((each) => each === word).length;
    expect(['shared', 'shared wildcard', 'one', 'two'].map(count)).toEqual([10, 10, 10, 10]);
  });

  it('are returned at shutdown if their handler does not end in time', async () => {
    let begun = false;
    const hangs = controller(`${root}.x`, { durable: 'worker' }, () => {
      begun = true;
      return new Promise(() => undefined);
    });
    const service = await start([hangs], { shutdownTimeout: 100 });
    await emit(client, `${root}.x`, 1);
    await eventually(() => begun, Boolean);
    await service.app.close();
    expect(service.logs.of('warn', 'JsConsumer').join()).toContain('1 message unfinished after 100 ms');
    const message = await (await jetstream.consumer(stream().name, 'worker')).next({ maxWait: 2_000 });
    expect(message?.metadata.deliveryCount).toBe(2);
    message?.ack();
  });

  it('stop the boot for all mistakes in extras, each with its pattern', async () => {
    await jetstream.createStream(stream());
    await jetstream.createStream({ name: `${root}-other`, subjects: [`${root}-other.>`] });
    const wrong = (pattern: string, extras: object) => controller(pattern, extras, () => undefined);
    const error = await failure(
      start(
        [
          wrong(`${root}.a`, { concurrency: 0 }),
          wrong(`${root}.b`, { durable: 'a.b' }),
          wrong(`${root}.c`, { broadcast: true, durable: 'c' }),
          wrong(`${root}.d`, { ordered: 'yes' }),
          wrong(`${root}.e`, { stream: 'NOWHERE' }),
          wrong(`${root}.f`, { stream: `${root}-other` }),
          wrong(`${root}.g`, { batch: { size: 10 } }),
          wrong(`${root}.h i`, {}),
          wrong('nowhere.at.all', {}),
          wrong('>', {}),
          wrong(`${root}.j`, { retry: { maxDeliver: -1 } }),
        ],
        { streams: [] },
      ),
    );
    expect(error.name).toBe('HandlerConfigurationError');
    for (const words of [
      `@EventPattern('${root}.a'): concurrency`,
      `@EventPattern('${root}.b'): durable`,
      `@EventPattern('${root}.c'): broadcast gives each instance`,
      `@EventPattern('${root}.d'): ordered must be true or false`,
      `@EventPattern('${root}.e'): there is no stream "NOWHERE"`,
      `@EventPattern('${root}.f'): stream "${root}-other" listens on ${root}-other.>`,
      `@EventPattern('${root}.g'): patterns do not support batch: use @JsConsumer instead`,
      `@EventPattern('${root}.h i')`,
      "@EventPattern('nowhere.at.all'): no stream listens on the pattern",
      "@EventPattern('>'): several streams listen",
      `@EventPattern('${root}.j'): retry.maxDeliver`,
    ]) {
      expect(error.message).toContain(words);
    }
    expect((await failure(start([wrong(`${root}.a`, { mode: 'cor' })]))).message).toContain(
      'mode must be one of "core", "jetstream"; it is "cor"',
    );
  });
});
