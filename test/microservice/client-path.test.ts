import { AsyncLocalStorage } from 'node:async_hooks';
import { Controller } from '@nestjs/common';
import {
  MessagePattern,
  Payload,
  RpcException,
  type ReadPacket,
  type WritePacket,
} from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import type { PubAck } from 'nestjs-nats-jetstream';
import {
  JetStreamClient,
  JetStreamRecord,
  type JetStreamClientOptions,
} from 'nestjs-nats-jetstream/microservice';
import { connect, type NatsConnection } from 'nestjs-nats-jetstream/nats';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import {
  concatMap,
  EMPTY,
  finalize,
  firstValueFrom,
  from,
  lastValueFrom,
  NEVER,
  Observable,
  of,
  retry,
  Subject,
  take,
  tap,
  toArray,
  type Observer,
  type Subscription,
} from 'rxjs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { LogRecorder } from '../support/log-recorder.js';
import { ask, askAll, emit, failure, startMicroservice, type TestMicroservice } from './microservice.js';

/** The requests that the service began and stopped, by their data. */
const begun: unknown[] = [];
const stopped: unknown[] = [];
/** Another client, by which a handler sends requests and events. */
let inner: JetStreamClient;

@Controller()
class Service {
  @MessagePattern('ask.echo')
  echo(@Payload() data: unknown): unknown {
    begun.push(data);
    return data;
  }

  @MessagePattern('ask.many')
  many(@Payload() count: number): Observable<number> {
    begun.push(count);
    return from(Array.from({ length: count }, (_, i) => i));
  }

  @MessagePattern('ask.nothing')
  nothing(@Payload() data: unknown): Observable<never> {
    begun.push(data);
    return EMPTY;
  }

  @MessagePattern('ask.refused')
  refused(@Payload() data: unknown): never {
    begun.push(data);
    throw new RpcException({ status: 'refused', data });
  }

  @MessagePattern('ask.silent')
  silent(@Payload() data: unknown): Observable<unknown> {
    begun.push(data);
    return NEVER.pipe(finalize(() => stopped.push(data)));
  }

  @MessagePattern('ask.one-and-silence')
  oneAndSilence(@Payload() data: unknown): Observable<unknown> {
    begun.push(data);
    return new Observable<unknown>((observer) => {
      observer.next(data);
      return () => stopped.push(data);
    });
  }

  @MessagePattern('ask.through')
  async through(@Payload() data: unknown): Promise<unknown> {
    const [answer, ack] = await Promise.all([
      firstValueFrom(inner.send('ask.echo', data)),
      firstValueFrom(inner.emit<{ stream: string }>('taken.inner', data)),
    ]);
    return { answer, stream: ack.stream };
  }
}

/** Subscribes, and records the notifications in order. */
function record(observable: Observable<unknown>): Recorded {
  const told: string[] = [];
  return { told, subscription: observable.subscribe(recorder(told)) };
}

interface Recorded {
  readonly told: string[];
  readonly subscription: Subscription;
}

function recorder(told: string[], name = ''): Observer<unknown> {
  return {
    next: () => told.push(`${name}value`),
    error: (error: Error) => told.push(`${name}${error.name}: ${error.message}`),
    complete: () => told.push(`${name}end`),
  };
}

/** Replaces methods of a client, including protected ones. */
function override(client: JetStreamClient, methods: Readonly<Record<string, () => unknown>>): void {
  Object.assign(client, methods);
}

function thrower(thrown: unknown): () => never {
  return () => {
    throw thrown;
  };
}

describe('calls of a client', () => {
  let nats: NatsTestServer;
  let raw: NatsConnection;
  let service: TestMicroservice;
  let logs: LogRecorder;
  let clients: JetStreamClient[];
  /** The data of all messages on `taken.>`, in order, with the subject. */
  let published: { readonly subject: string; readonly data: unknown }[];
  let application: Awaited<ReturnType<ReturnType<typeof Test.createTestingModule>['compile']>>;

  beforeAll(async () => {
    nats = await NatsTestServer.start();
    raw = await connect({ servers: nats.url });
    const stream = { name: 'TAKEN', subjects: ['taken.>'], storage: 'memory' };
    await raw.request('$JS.API.STREAM.CREATE.TAKEN', JSON.stringify(stream));
    raw.subscribe('taken.>', {
      callback: (_, message) => {
        published.push({ subject: message.subject, data: message.json() });
      },
    });
    await raw.flush();
    inner = new JetStreamClient({ connection: { servers: nats.url } });
    service = await startMicroservice(nats.url, { controllers: [Service] });
  });
  afterAll(async () => {
    await service.app.close();
    await inner.close();
    await raw.close();
    await nats.stop();
  });
  beforeEach(async () => {
    begun.length = stopped.length = 0;
    published = [];
    clients = [];
    logs = new LogRecorder();
    application = await Test.createTestingModule({}).setLogger(logs).compile();
  });
  afterEach(async () => {
    await settled();
    await application.close();
  });

  const settings = (): JetStreamClientOptions => ({
    connection: { servers: nats.url },
    publish: { retry: { attempts: 0 } },
    timeout: 5_000,
  });

  /** A client of a class, connected or not, which is closed after the test. */
  async function clientOf<T extends JetStreamClient>(
    Client: new (options: JetStreamClientOptions) => T,
    connected: boolean,
  ): Promise<T> {
    const client = new Client(settings());
    clients.push(client);
    if (connected) await client.connect();
    return client;
  }

  /** Closes the clients, which waits for their events, and returns their log. */
  async function settled(): Promise<string[]> {
    for (const client of clients) await client.close();
    await raw.flush();
    return logs.of('error', 'JetStreamClient');
  }

  const stored = async (): Promise<number> => {
    const info = await raw.request('$JS.API.STREAM.INFO.TAKEN');
    return info.json<{ state: { messages: number } }>().state.messages;
  };
  const purge = () => raw.request('$JS.API.STREAM.PURGE.TAKEN');

  describe.each([
    ['connected', true],
    ['not connected yet', false],
  ])('that is %s', (_, connected) => {
    describe.each(['jetstream', 'core'] as const)('emit by way of %s', (mode) => {
      const event = (data: unknown) => new JetStreamRecord(data, { mode });

      it.each([0, 1, 3])(
        'publishes once with %i subscribers, and all of them receive the result',
        async (count) => {
          const client = await clientOf(JetStreamClient, connected);
          const emitted = client.emit('taken.once', event(1));
          const subscribers = Array.from({ length: count }, () => record(emitted));
          expect(await settled()).toEqual([]);
          expect(published).toHaveLength(1);
          for (const { told } of subscribers) expect(told).toEqual(['value', 'end']);
        },
      );

      it('emits the value to all subscribers before it completes the first', async () => {
        const client = await clientOf(JetStreamClient, connected);
        const emitted = client.emit('taken.order', event(1));
        const told: string[] = [];
        for (const name of ['a ', 'b ']) emitted.subscribe(recorder(told, name));
        await settled();
        expect(told).toEqual(['a value', 'b value', 'a end', 'b end']);
      });

      it('completes a subscriber that subscribes while the value is emitted', async () => {
        const client = await clientOf(JetStreamClient, connected);
        const emitted = client.emit('taken.order', event(1));
        const told: string[] = [];
        emitted.subscribe({ ...recorder(told, 'a '), next: () => emitted.subscribe(recorder(told, 'b ')) });
        await settled();
        expect(told).toEqual(['a end', 'b end']);
      });

      it('emits, completes and fails only after it has returned', async () => {
        const client = await clientOf(JetStreamClient, connected);
        const { told } = record(client.emit('taken.later', event(1)));
        const failed = record(client.emit('taken.later', event(1n)));
        expect([...told, ...failed.told]).toEqual([]);
        await settled();
        expect(failed.told).toEqual([expect.stringContaining('PayloadEncodingError')]);
      });

      it('emits the value to a caller that gets the observable from an asynchronous method', async () => {
        const client = await clientOf(JetStreamClient, connected);
        const place = async () => client.emit('taken.async', event(1));
        const emitted = await place();
        await Promise.resolve();
        expect(record(emitted).told).toEqual([]);
        expect(await firstValueFrom(emitted).then(() => 'a value')).toBe('a value');
      });

      it('only completes a subscriber that subscribes after the result', async () => {
        const client = await clientOf(JetStreamClient, connected);
        const emitted = client.emit('taken.late', event(1));
        await lastValueFrom(emitted);
        expect(record(emitted).told).toEqual(['end']);
        expect(await lastValueFrom(emitted, { defaultValue: 'default' })).toBe('default');
        expect(await failure(firstValueFrom(emitted))).toMatchObject({ name: 'EmptyError' });
      });

      it('publishes although a subscriber has unsubscribed, and emits to the others', async () => {
        const client = await clientOf(JetStreamClient, connected);
        const emitted = client.emit('taken.unsubscribed', event(1));
        const gone = record(emitted);
        const stays = record(emitted);
        gone.subscription.unsubscribe();
        expect(await settled()).toEqual([]);
        expect(published).toHaveLength(1);
        expect(gone.told).toEqual([]);
        expect(stays.told).toEqual(['value', 'end']);
      });

      it.each([
        ['none', 0, 0, false, 1],
        ['one', 1, 0, false, 0],
        ['three', 3, 0, false, 0],
        ['one that has unsubscribed', 1, 1, false, 1],
        ['two, one of which has unsubscribed', 2, 1, false, 0],
        ['one that subscribes after the failure', 0, 0, true, 0],
        ['one that has unsubscribed, and one after the failure', 1, 1, true, 0],
      ])(
        'reports a failure either to its subscribers or in the log; subscribers: %s',
        async (_case, count, gone, late, lines) => {
          const client = await clientOf(JetStreamClient, connected);
          const emitted = client.emit('taken.fails', event(1n));
          const subscribers = Array.from({ length: count }, () => record(emitted));
          for (const { subscription } of subscribers.slice(0, gone)) subscription.unsubscribe();
          if (late) {
            await client.connect();
            await new Promise(setImmediate);
            subscribers.push(record(emitted));
          }
          const log = await settled();
          expect(log).toHaveLength(lines);
          for (const line of log) expect(line).toContain('1 to "taken.fails"');
          const failed = ['PayloadEncodingError'];
          const names = subscribers.map(({ told }) => told.map((text) => text.split(':', 1)[0]));
          expect(names).toEqual(subscribers.map((_subscriber, i) => (i < gone ? [] : failed)));
        },
      );

      it('is not published again if an operator subscribes again', async () => {
        const client = await clientOf(JetStreamClient, connected);
        const hooked: unknown[] = [];
        client.setOnDispatchHook((packet) => void hooked.push(packet));
        const emitted = client.emit('taken.retried', event(1n));
        expect(await failure(lastValueFrom(emitted.pipe(retry(3))))).toMatchObject({
          name: 'PayloadEncodingError',
        });
        expect(hooked).toHaveLength(1);
        expect(await settled()).toEqual([]);
      });

      it('keeps the order of events', async () => {
        const client = await clientOf(JetStreamClient, connected);
        for (let i = 0; i < 100; i++) client.emit('taken.ordered', event(i));
        // Some of these are emitted after the connection has opened, while earlier events still wait for it.
        let next = 100;
        const more = async () => {
          for (let turn = 0; turn < 200; turn++) {
            client.emit('taken.ordered', event(next++));
            await Promise.resolve();
          }
        };
        await Promise.all([more(), client.connect().then(more), client.connect().then(more)]);
        await settled();
        const numbers = published.map(({ data }) =>
          mode === 'core' ? (data as ReadPacket<number>).data : data,
        );
        expect(numbers).toEqual(Array.from({ length: 700 }, (_value, i) => i));
      });

      it('calls subscribers in the asynchronous context of emit', async () => {
        const client = await clientOf(JetStreamClient, connected);
        const storage = new AsyncLocalStorage<string>();
        const seen: unknown[] = [];
        const emitted = storage.run('of emit', () => client.emit('taken.context', event(1)));
        const read = () => seen.push(storage.getStore());
        storage.run('of the subscriber', () => emitted.subscribe({ next: read, complete: read }));
        await settled();
        expect(seen).toEqual(['of emit', 'of emit']);
      });

      it('works with the operators and functions of rxjs', async () => {
        const client = await clientOf(JetStreamClient, connected);
        const emitted = client.emit('taken.rxjs', event(1));
        expect(emitted).toBeInstanceOf(Observable);
        const seen: string[] = [];
        const subject = new Subject<unknown>();
        subject.subscribe(recorder(seen, 'subject '));
        emitted.subscribe(subject);
        await Promise.all([
          emitted.forEach(() => seen.push('forEach')),
          lastValueFrom(from(emitted).pipe(tap(() => seen.push('from')))),
          lastValueFrom(
            of(0).pipe(
              concatMap(() => emitted),
              take(1),
            ),
          ),
        ]);
        expect(seen).toEqual(['subject value', 'forEach', 'from', 'subject end']);
      });
    });

    it('stores 10,000 events without subscribers, in order', async () => {
      await purge();
      const client = await clientOf(JetStreamClient, connected);
      for (let i = 0; i < 10_000; i++) client.emit('taken.burst', i);
      expect(await settled()).toEqual([]);
      expect(await stored()).toBe(10_000);
      expect(published.map(({ data }) => data)).toEqual(Array.from({ length: 10_000 }, (_value, i) => i));
    });

    describe('send', () => {
      it('sends nothing before it is subscribed to', async () => {
        const client = await clientOf(JetStreamClient, connected);
        const hooked: unknown[] = [];
        client.setOnDispatchHook((packet) => void hooked.push(packet));
        client.send('ask.echo', 1);
        expect(await ask(client, 'ask.echo', 2)).toBe(2);
        expect(begun).toEqual([2]);
        expect(hooked).toHaveLength(1);
      });

      it('sends a request for each subscription', async () => {
        const client = await clientOf(JetStreamClient, connected);
        const hooked: ReadPacket[] = [];
        client.setOnDispatchHook((packet) => void hooked.push(packet));
        const asked = client.send('ask.echo', { n: 1 });
        expect(await Promise.all([1, 2, 3].map(() => firstValueFrom(asked)))).toHaveLength(3);
        expect(await firstValueFrom(asked)).toEqual({ n: 1 });
        expect(begun).toHaveLength(4);
        expect(hooked).toEqual(begun.map(() => ({ pattern: 'ask.echo', data: { n: 1 } })));
        expect(new Set(hooked).size).toBe(4);
      });

      it.each([
        ['one answer', 'ask.echo', 1, ['value', 'end']],
        ['several answers', 'ask.many', 3, ['value', 'value', 'value', 'end']],
        ['no answer', 'ask.nothing', 1, ['end']],
        ['an error of the handler', 'ask.refused', 1, ['Error: Rpc Exception']],
        ['no service', 'nowhere', 1, [expect.stringContaining('NoRespondersError')]],
        ['data that has no JSON', 'ask.echo', 1n, [expect.stringContaining('PayloadEncodingError')]],
        ['a pattern that is not a subject', 'ask. echo', 1, [expect.stringContaining('InvalidSubjectError')]],
      ])('emits the answers, and completes or fails: %s', async (_name, pattern, data, expected) => {
        const client = await clientOf(JetStreamClient, connected);
        const { told, subscription } = record(client.send(pattern, data));
        await eventually(
          () => told,
          ({ length }) => length === expected.length,
        );
        expect(told).toEqual(expected);
        expect(subscription.closed).toBe(true);
        expect(await settled()).toEqual([]);
        expect(told).toHaveLength(expected.length);
      });

      it('is not sent if the caller unsubscribes before the connection opens, later cancelled', async () => {
        const client = await clientOf(JetStreamClient, connected);
        const { told, subscription } = record(client.send('ask.silent', 'first'));
        subscription.unsubscribe();
        const second = record(client.send('ask.silent', 'second'));
        await eventually(
          () => begun,
          (all) => all.includes('second'),
        );
        second.subscription.unsubscribe();
        await eventually(
          () => stopped,
          (all) => all.includes('second'),
        );
        expect(begun.includes('first')).toBe(connected);
        expect(stopped).toEqual(begun);
        expect([...told, ...second.told]).toEqual([]);
      });

      it('is cancelled between its answers by an operator that needs no more of them', async () => {
        const client = await clientOf(JetStreamClient, connected);
        expect(await askAll(client, 'ask.many', 3)).toEqual([0, 1, 2]);
        const answers = client.send('ask.one-and-silence', 'x').pipe(take(1), toArray());
        expect(await firstValueFrom(answers)).toEqual(['x']);
        await eventually(
          () => stopped,
          (all) => all.includes('x'),
        );
      });

      it('is not cancelled after its last answer', async () => {
        const client = await clientOf(JetStreamClient, connected);
        const { told, subscription } = record(client.send('ask.echo', 1));
        await eventually(
          () => told,
          ({ length }) => length === 2,
        );
        subscription.unsubscribe();
        expect(told).toEqual(['value', 'end']);
        expect(stopped).toEqual([]);
      });

      it('works inside a handler, like emit', async () => {
        const client = await clientOf(JetStreamClient, connected);
        const answers = [1, 2, 3].map((n) => ask(client, 'ask.through', n));
        expect(await Promise.all(answers)).toEqual([1, 2, 3].map((answer) => ({ answer, stream: 'TAKEN' })));
      });
    });

    it.each([
      [undefined, 1],
      [null, 1],
      ['taken.nil', undefined],
      ['taken.nil', null],
    ])('rejects the pattern %s with the data %s like Nest', async (pattern, data) => {
      const client = await clientOf(JetStreamClient, connected);
      const refusal = [expect.stringContaining('invalid data or message pattern')];
      const sent = record(client.send(pattern, data));
      expect(sent.told).toEqual(refusal);
      const emitted = client.emit(pattern, data);
      expect(record(emitted).told).toEqual(refusal);
      expect(record(emitted).told).toEqual(refusal);
      client.emit(pattern, data);
      expect(await settled()).toHaveLength(1);
      expect(published).toEqual([]);
    });

    describe('an error of user code fails only its own call, once', () => {
      const thrown = new TypeError('thrown');
      const failing = [expect.stringMatching(/^TypeError: (thrown|You provided 'undefined')/)];
      const both: readonly (readonly [string, (client: JetStreamClient) => unknown])[] = [
        ['a dispatch hook', (client) => client.setOnDispatchHook(thrower(thrown))],
        ['createPacket', (client) => override(client, { createPacket: thrower(thrown) })],
      ];

      /** Another client is not affected. */
      const othersGoOn = async (): Promise<void> => {
        expect([...published, ...begun]).toEqual([]);
        const other = await clientOf(JetStreamClient, connected);
        expect(await ask(other, 'ask.echo', 1)).toBe(1);
      };

      it.each([
        ...both,
        ['dispatchEvent', (client: JetStreamClient) => override(client, { dispatchEvent: thrower(thrown) })],
        [
          'dispatchEvent, asynchronously',
          (client: JetStreamClient) => override(client, { dispatchEvent: () => Promise.reject(thrown) }),
        ],
        [
          'dispatchEvent, which returns nothing',
          (client: JetStreamClient) => override(client, { dispatchEvent: () => undefined }),
        ],
      ] as const)('emit: %s', async (_name, misuse) => {
        const client = await clientOf(JetStreamClient, connected);
        misuse(client);
        client.emit('taken.thrown', 1);
        const { told } = record(client.emit('taken.thrown', 1));
        expect(told).toEqual([]);
        await client.connect();
        await new Promise(setImmediate);
        expect(told).toEqual(failing);
        expect(await settled()).toEqual([expect.stringContaining('1 to "taken.thrown"')]);
        await othersGoOn();
      });

      it.each([
        ...both,
        ['publish', (client: JetStreamClient) => override(client, { publish: thrower(thrown) })],
        [
          'createObserver',
          (client: JetStreamClient) => override(client, { createObserver: thrower(thrown) }),
        ],
      ] as const)('send: %s', async (_name, misuse) => {
        const client = await clientOf(JetStreamClient, connected);
        misuse(client);
        const asked = client.send('ask.echo', 1);
        const subscribers = [record(asked), record(asked)];
        await client.connect();
        await new Promise(setImmediate);
        for (const { told } of subscribers) expect(told).toEqual(failing);
        expect(await settled()).toEqual([]);
        await othersGoOn();
      });
    });

    describe('a subclass', () => {
      it.each([
        ['a promise', () => Promise.resolve('own')],
        [
          'a promise of another class',
          () => new (class extends Promise<string> {})((resolve) => resolve('own')),
        ],
        ['an observable', () => of('own')],
      ])('can publish events itself: its dispatchEvent returns %s', async (_name, dispatchEvent) => {
        const packets: ReadPacket[] = [];
        class Own extends JetStreamClient {
          protected override dispatchEvent<T>(packet: ReadPacket): Promise<T> {
            packets.push(packet);
            return dispatchEvent() as Promise<T>;
          }
        }
        const client = await clientOf(Own, connected);
        const emitted = client.emit('taken.own', 1);
        expect(await Promise.all([firstValueFrom(emitted), lastValueFrom(emitted)])).toEqual(['own', 'own']);
        expect(record(emitted).told).toEqual(['end']);
        expect(packets).toEqual([{ pattern: 'taken.own', data: 1 }]);
        expect(published).toEqual([]);
      });

      it('can override each protected method and call the inherited one', async () => {
        const seen: string[] = [];
        class Own extends JetStreamClient {
          override async connect(): Promise<NatsConnection> {
            seen.push('connect');
            return super.connect();
          }
          protected override normalizePattern(pattern: string): string {
            return super.normalizePattern(pattern.replace(':', '.'));
          }
          protected override async dispatchEvent<T>(packet: ReadPacket): Promise<T> {
            seen.push('dispatchEvent');
            return super.dispatchEvent<T>({ ...packet, data: { wrapped: packet.data as unknown } });
          }
          protected override publish(packet: ReadPacket, handler: (packet: WritePacket) => void): () => void {
            seen.push('publish');
            const cancel = super.publish({ ...packet, data: { wrapped: packet.data as unknown } }, handler);
            return () => {
              seen.push('cancel');
              cancel();
            };
          }
          protected override createObserver<T>(observer: Observer<T>): (packet: WritePacket) => void {
            const handle = super.createObserver(observer);
            return (packet) => {
              seen.push('answer');
              handle(packet);
            };
          }
          protected override serializeResponse(response: unknown): unknown {
            return { serialized: response };
          }
          protected override serializeError(error: unknown): unknown {
            return Object.assign(new Error('own'), { error });
          }
        }
        const client = await clientOf(Own, connected);
        expect(seen).toEqual(connected ? ['connect'] : []);
        seen.length = 0;
        await firstValueFrom(client.emit('taken:own', 1));
        await eventually(
          () => published.length,
          (count) => count > 0,
        );
        expect(published).toEqual([{ subject: 'taken.own', data: { wrapped: 1 } }]);
        expect(seen.filter((call) => call !== 'connect')).toEqual(['dispatchEvent']);
        seen.length = 0;
        expect(await ask(client, 'ask:echo', 2)).toEqual({ serialized: { wrapped: 2 } });
        expect(seen.filter((call) => call !== 'connect')).toEqual(['publish', 'answer', 'cancel']);
        expect((await failure(ask(client, 'ask:refused', 2))).message).toBe('own');
      });
    });
  });

  it.each([
    ['rejects', () => Promise.reject(new Error('no way'))],
    ['throws', thrower(new Error('no way'))],
  ])('fail if connecting fails, but later calls succeed: connect %s', async (_name, connecting) => {
    const client = await clientOf(JetStreamClient, false);
    override(client, { connect: connecting });
    client.emit('taken.a', 1);
    const told = [record(client.emit('taken.a', 1)), record(client.send('ask.echo', 1))];
    await new Promise(setImmediate);
    for (const each of told) expect(each.told).toEqual(['Error: no way']);
    expect([...published, ...begun]).toEqual([]);
    Reflect.deleteProperty(client, 'connect');
    expect(await ask(client, 'ask.echo', 2)).toBe(2);
    await firstValueFrom(client.emit('taken.a', 2));
    const log = await settled();
    expect(log).toHaveLength(1);
    expect(log[0]).toContain('no way');
    expect(published).toEqual([{ subject: 'taken.a', data: 2 }]);
  });

  it('do not call connect while the client is connected', async () => {
    const client = await clientOf(JetStreamClient, true);
    let connects = 0;
    const original = client.connect.bind(client);
    override(client, {
      connect: () => {
        connects++;
        return original();
      },
    });
    await Promise.all([firstValueFrom(client.emit('taken.a', 1)), ask(client, 'ask.echo', 1)]);
    expect(connects).toBe(0);
    // An event has been dispatched when `emit` returns.
    const emitted = client.emit('taken.a', 2);
    override(client, { dispatchEvent: thrower(new Error('too late')) });
    expect(await firstValueFrom(emitted)).toMatchObject({ stream: 'TAKEN' });
  });

  it('are answered around a reconnect', async () => {
    await using own = await NatsTestServer.start();
    const client = new JetStreamClient({
      connection: { servers: own.url, reconnectTimeWait: 20 },
      publish: { idempotent: true, timeout: 10_000 },
      timeout: 10_000,
    });
    clients.push(client);
    await using served = await startMicroservice(own.url, {
      controllers: [Service],
      server: {
        connection: { servers: own.url, reconnectTimeWait: 20 },
        streams: [{ name: 'TAKEN', subjects: ['taken.>'] }],
      },
    });
    expect(served.app).toBeDefined();
    const acks: Promise<PubAck>[] = [];
    const emitSome = () => {
      for (let i = 0; i < 3; i++) acks.push(emit<PubAck>(client, 'taken.x', i));
    };
    emitSome();
    await Promise.all(acks);
    emitSome();
    const restarted = own.restart();
    emitSome();
    await restarted;
    emitSome();
    expect(new Set((await Promise.all(acks)).map(({ sequence }) => sequence)).size).toBe(12);
    expect(await eventually(() => ask(client, 'ask.echo', 'back').catch(() => ''), Boolean)).toBe('back');
  });
});
