// oxlint-disable unicorn/no-thenable -- thenables are what is tested
import { createRequire } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';
import { Controller, Injectable, UseGuards, UseInterceptors, type CanActivate } from '@nestjs/common';
import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import {
  JetStreamEvents,
  JetStreamService,
  JsConsumer,
  KeyValueService,
  KvContext,
  KvWatch,
  OnJetStreamEvent,
  PublishTo,
  NatsSubscribe,
  type JetStreamEvent,
  type PullJsConsumerOptions,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { concat, defer, EMPTY, finalize, map, Observable, of, throwError, timer } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startMicroservice } from '../microservice/microservice.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

/** A second copy of rxjs, as in an application with two installed versions. */
const otherRxjs = ((): typeof import('rxjs') => {
  const require = createRequire(import.meta.url);
  const own = Object.entries(require.cache).filter(([path]) => /[\\/]rxjs[\\/]/.test(path));
  for (const [path] of own) delete require.cache[path];
  const copy = require('rxjs') as typeof import('rxjs');
  for (const [path, module] of own) require.cache[path] = module;
  return copy;
})();

/** A slow result that calls back when it has completed. */
type Result = (end: () => void) => unknown;

const broken = new Error('broken');
function fail(): never {
  throw broken;
}

const ending: Record<string, Result> = {
  value: (end) => end(),
  promise: async (end) => {
    await delay(5);
    end();
  },
  thenable: (end) => ({
    then(resolve: () => void) {
      setTimeout(() => (end(), resolve()), 5);
    },
  }),
  'thenable that calls back twice': (end) => ({
    then(resolve: () => void, reject: (error: Error) => void) {
      setTimeout(() => {
        end();
        resolve();
        resolve();
        reject(broken);
      }, 5);
    },
  }),
  'function that is a thenable': (end) =>
    Object.assign(() => undefined, {
      then: (resolve: () => void) => setTimeout(() => (end(), resolve()), 5),
    }),
  observable: (end) => timer(5).pipe(map(() => end())),
  'empty observable': (end) =>
    concat(
      EMPTY,
      defer(() => (end(), EMPTY)),
    ),
  'observable with a teardown': (end) => of(1).pipe(finalize(end)),
  'observable of another rxjs': (end) => otherRxjs.timer(5).pipe(otherRxjs.map(() => end())),
  'observable of another library': (end) => ({
    '@@observable'() {
      return this;
    },
    subscribe(observer: { next: (value: unknown) => void; complete: () => void }) {
      setTimeout(() => (end(), observer.next(1), observer.complete()), 5);
      return { unsubscribe: () => undefined };
    },
  }),
  'promise of an observable': async (end) => defer(() => (end(), of(1))),
  'observable of a promise of a generator': (end) =>
    of(
      (async function* () {
        yield await delay(5);
        end();
      })(),
    ),
  'promise of a thenable of an observable': async (end) => ({
    then(resolve: (value: unknown) => void) {
      resolve(defer(() => (end(), of(1))));
    },
  }),
  generator: function* (end) {
    yield 1;
    yield delay(5);
    end();
  },
  'async generator': async function* (end) {
    yield 1;
    await delay(5);
    yield 2;
    end();
  },
  'generator that returns an observable': function* (end) {
    yield 1;
    return defer(() => (end(), of(1)));
  },
  'async iterable': (end) => ({
    async *[Symbol.asyncIterator]() {
      yield await delay(5);
      end();
    },
  }),
};

const failing: Record<string, () => unknown> = {
  throw: fail,
  rejection: async () => fail(),
  'then that throws': () => ({ then: fail }),
  'then whose getter throws': () => ({
    get then() {
      return fail();
    },
  }),
  'thenable that rejects later': () => ({
    then: (_: unknown, reject: (error: Error) => void) => setTimeout(() => reject(broken), 5),
  }),
  'promise whose own then throws': () => Object.assign(Promise.resolve(), { then: fail }),
  'observable that fails': () =>
    concat(
      of(1),
      throwError(() => broken),
    ),
  'observable whose subscription throws': () => new Observable(fail),
  'observable whose teardown throws': () =>
    new Observable((subscriber) => {
      subscriber.complete();
      return fail;
    }),
  'observable whose teardown throws later': () =>
    new Observable((subscriber) => {
      setTimeout(() => subscriber.complete(), 5);
      return fail;
    }),
  'observable of another rxjs whose teardown throws later': () =>
    new otherRxjs.Observable((subscriber) => {
      setTimeout(() => subscriber.complete(), 5);
      return fail;
    }),
  'observable whose operator has a teardown that throws': () => timer(5).pipe(finalize(fail)),
  'promise of an observable that fails': async () => throwError(() => broken),
  generator: function* () {
    yield 1;
    fail();
  },
  'generator of a promise that rejects': function* () {
    yield Promise.reject(broken);
  },
  'async generator': async function* () {
    yield await delay(5);
    fail();
  },
  'async iterable whose iterator cannot be created': () => ({ [Symbol.asyncIterator]: fail }),
  'async iterable whose next throws': () => ({ [Symbol.asyncIterator]: () => ({ next: fail }) }),
  'async iterable whose iterator is null': () => ({ [Symbol.asyncIterator]: () => null }),
  'async iterable whose iterator is undefined': () => ({ [Symbol.asyncIterator]: () => undefined }),
  'async iterable whose iterator is a number': () => ({ [Symbol.asyncIterator]: () => 5 }),
  'async iterable whose iterator has no next': () => ({ [Symbol.asyncIterator]: () => ({}) }),
  'async iterable whose step is null': () => ({ [Symbol.asyncIterator]: () => ({ next: async () => null }) }),
  'async iterable whose step is a number': () => ({ [Symbol.asyncIterator]: () => ({ next: () => 5 }) }),
  'promise of an async iterable whose iterator is null': async () => ({ [Symbol.asyncIterator]: () => null }),
  'observable of an async iterable whose iterator is null': () => of({ [Symbol.asyncIterator]: () => null }),
  'revoked proxy': () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  },
};

class Allow implements CanActivate {
  canActivate(): boolean {
    return true;
  }
}

class Pass implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle();
  }
}

/** The number of calls of each case, and the cases that ran to their end. */
class Cases {
  static readonly names = [
    ...Object.keys(ending).map((name) => `ends: ${name}`),
    ...Object.keys(failing).map((name) => `fails: ${name}`),
  ];
  readonly calls = new Map<string, number>();
  readonly ended = new Set<string>();

  constructor(
    /** Whether failed messages are redelivered. */
    private readonly keeps: boolean,
  ) {}

  /** The result of the named case; one that fails succeeds in the second call, if there is one. */
  result(name: string): unknown {
    const count = (this.calls.get(name) ?? 0) + 1;
    this.calls.set(name, count);
    const [, kind] = name.split(': ');
    if (name.startsWith('ends')) return ending[kind](() => void this.ended.add(name));
    if (count > 1 && this.keeps) {
      this.ended.add(name);
      return undefined;
    }
    return failing[kind]();
  }

  /** The number of calls of each case whose result fails. */
  get failures(): Record<string, number> {
    return Object.fromEntries([...this.calls].filter(([name]) => name.startsWith('fails')));
  }

  /** Waits until all ran to their end, or until all were called if nothing is retried. */
  async done(names = Cases.names): Promise<void> {
    const missing = (): string[] =>
      names.filter((name) =>
        this.keeps || name.startsWith('ends') ? !this.ended.has(name) : !this.calls.has(name),
      );
    await eventually(missing, ({ length }) => length === 0, 4_000);
  }
}

const twice = Object.fromEntries(Object.keys(failing).map((name) => [`fails: ${name}`, 2]));
const once = Object.fromEntries(Object.keys(failing).map((name) => [`fails: ${name}`, 1]));

describe('the result of a handler', () => {
  let server: NatsTestServer;
  let serial = 0;

  beforeAll(async () => {
    server = await NatsTestServer.start();
  });
  afterAll(() => server.stop());

  interface Form {
    readonly options?: Partial<PullJsConsumerOptions>;
    readonly decorate?: MethodDecorator;
  }

  const forms: [string, Form][] = [
    ['a handler that is called directly', {}],
    ['a handler with a guard', { decorate: UseGuards(Allow) }],
    ['a handler with an interceptor', { decorate: UseInterceptors(Pass) }],
    ['an idempotent handler', { options: { idempotent: { bucket: 'keys' } } }],
    ['a handler with orderBy', { options: { orderBy: 0, concurrency: 4 } }],
    ['a handler that is acknowledged by an interceptor', { options: { settlement: new Pass() as never } }],
  ];

  it.each(forms)('of %s counts when it has completed', async (_, { options, decorate }) => {
    const cases = new Cases(true);
    const stream = `RESULTS_${++serial}`;
    class Results {
      on(@Payload() name: string): unknown {
        return cases.result(name);
      }
    }
    const consumer = { stream, durable: 'on', retry: { backoff: [1] }, ...options };
    const descriptor = Object.getOwnPropertyDescriptor(Results.prototype, 'on') as PropertyDescriptor;
    JsConsumer(consumer as PullJsConsumerOptions)(Results.prototype, 'on', descriptor);
    decorate?.(Results.prototype, 'on', descriptor);
    await using application = await run(stream, Results);
    if (options?.settlement) {
      // It only settles messages whose errors it passes on.
      await eventually(
        () => cases.calls.size,
        (size) => size === Cases.names.length,
      );
      await eventually(
        () => cases.failures,
        (failures) => JSON.stringify(failures) === JSON.stringify(twice),
      );
      return;
    }
    await cases.done();
    expect(cases.failures).toEqual(twice);
    await drained(application, stream);
  });

  it('of a handler with @PublishTo is published value by value, and fails if one value fails', async () => {
    const cases = new Cases(true);
    const stream = `RESULTS_${++serial}`;
    @Injectable()
    class Results {
      @PublishTo('published.results')
      @JsConsumer({ stream, durable: 'on', retry: { backoff: [1] } })
      on(@Payload() name: string): unknown {
        return cases.result(name);
      }
    }
    await using application = await run(stream, Results, ['published.>']);
    await cases.done();
    expect(cases.failures).toEqual(twice);
    await drained(application, stream);
  });

  it.each([
    ['alone', []],
    ['with an interceptor', [UseInterceptors(Pass)]],
    ['with a guard and an interceptor', [UseGuards(Allow), UseInterceptors(Pass)]],
  ])('a generator with @PublishTo %s publishes each of its values', async (_, decorators) => {
    const stream = `RESULTS_${++serial}`;
    class Results {
      async *on(): AsyncGenerator<number> {
        yield 1;
        yield 2;
      }
    }
    const descriptor = Object.getOwnPropertyDescriptor(Results.prototype, 'on') as PropertyDescriptor;
    PublishTo<number>(`published${serial}.results`)(Results.prototype, 'on', descriptor);
    JsConsumer({ stream, durable: 'on' })(Results.prototype, 'on', descriptor);
    for (const decorate of decorators) decorate(Results.prototype, 'on', descriptor);
    await using application = await run(stream, Results, [`published${serial}.>`], ['once']);
    const target = await application.app.get(JetStreamService).stream(`${stream}_TARGET`);
    await eventually(
      async () => (await target.info()).state.messages,
      (messages) => messages === 2,
    );
    expect((await target.getMessage(1)).json()).toBe(1);
    expect((await target.getMessage(2)).json()).toBe(2);
  });

  it('of an ordered handler counts when it has completed', async () => {
    const cases = new Cases(true);
    const stream = `RESULTS_${++serial}`;
    @Injectable()
    class Results {
      @JsConsumer({ stream, ordered: true, retry: { backoff: [1] } })
      on(@Payload() name: string): unknown {
        return cases.result(name);
      }
    }
    await using _ = await run(stream, Results);
    await cases.done();
    expect(cases.failures).toEqual(twice);
  });

  it('of a batch handler counts when it has completed', async () => {
    const cases = new Cases(true);
    const stream = `RESULTS_${++serial}`;
    @Injectable()
    class Results {
      @JsConsumer({ stream, durable: 'on', batch: { size: 1 }, retry: { backoff: [1] } })
      on(@Payload() [name]: string[]): unknown {
        return cases.result(name);
      }
    }
    await using application = await run(stream, Results);
    await cases.done();
    expect(cases.failures).toEqual(twice);
    await drained(application, stream);
  });

  it('of a watch counts when it has completed', async () => {
    const cases = new Cases(true);
    const bucket = `results-${++serial}`;
    @Injectable()
    class Results {
      @KvWatch(bucket)
      on(@Payload() name: string, @Ctx() _context: KvContext): unknown {
        return cases.result(name);
      }
    }
    await using application = await startApplication(server.url, {
      feature: { keyValues: [{ bucket, storage: 'memory' }] },
      providers: [Results],
    });
    const values = await application.app.get(KeyValueService).open(bucket);
    for (const [i, name] of Cases.names.entries()) await values.put(`key${i}`, name);
    await cases.done();
    expect(cases.failures).toEqual(twice);
  });

  it('of a subscription counts when it has completed, and a failure is logged', async () => {
    const cases = new Cases(false);
    const subject = `results${++serial}`;
    @Injectable()
    class Results {
      @NatsSubscribe(subject)
      on(@Payload() name: string): unknown {
        return cases.result(name);
      }
    }
    await using application = await startApplication(server.url, { providers: [Results] });
    const { nc } = application.app.get(JetStreamService).connection;
    for (const name of Cases.names) nc.publish(subject, JSON.stringify(name));
    await cases.done();
    await eventually(
      () => application.logs.of('error', 'Subscribe').length,
      (count) => count === Object.keys(failing).length,
    );
    expect(cases.failures).toEqual(once);
  });

  it('of a listener of events counts when it has completed, and a failure is logged', async () => {
    const cases = new Cases(false);
    @Injectable()
    class Results {
      @OnJetStreamEvent('handler-paused')
      on(event: JetStreamEvent): unknown {
        return 'handler' in event ? cases.result(event.handler) : undefined;
      }
    }
    await using application = await startApplication(server.url, { providers: [Results] });
    const events = application.app.get(JetStreamEvents);
    for (const handler of Cases.names) {
      events.emit({ type: 'handler-paused', handler, connection: 'default', source: '', time: new Date() });
    }
    await cases.done();
    // Of failures with the same text, one is logged in a minute.
    await eventually(
      () => application.logs.of('error', 'JetStreamEvents').length,
      (count) => count > 0,
    );
    expect(cases.failures).toEqual(once);
  });

  it('of an event handler of a microservice counts when it has completed', async () => {
    const cases = new Cases(true);
    const stream = `RESULTS_${++serial}`;
    const subject = `events${serial}`;
    @Controller()
    class Results {
      @EventPattern(subject, { retry: { backoff: [1] } })
      on(@Payload() name: unknown): unknown {
        return cases.result(name as string);
      }
    }
    await using _ = await startMicroservice(server.url, {
      controllers: [Results],
      server: { streams: [{ name: stream, subjects: [subject], storage: 'memory' }] },
    });
    await using publisher = await startApplication(server.url, {});
    const jetstream = publisher.app.get(JetStreamService);
    // Nest's own pipeline, which subscribes to observables, does not detect that one.
    const names = Cases.names.filter((name) => name !== 'fails: observable whose teardown throws');
    for (const name of names) await jetstream.publish(subject, JSON.stringify(name));
    await cases.done(names);
    expect(Object.values(cases.failures)).toEqual(
      names.filter((name) => name.startsWith('fails')).map(() => 2),
    );
  });

  /** Starts a handler, and publishes the name of each case to it. */
  async function run(
    stream: string,
    provider: new () => object,
    target: readonly string[] = [],
    names: readonly string[] = Cases.names,
  ): Promise<TestApplication> {
    const application = await startApplication(server.url, {
      feature: {
        streams: [
          { name: stream, subjects: [`${stream}.>`], storage: 'memory' },
          ...(target.length > 0
            ? [{ name: `${stream}_TARGET`, subjects: target, storage: 'memory' as const }]
            : []),
        ],
      },
      providers: [provider],
    });
    const jetstream = application.app.get(JetStreamService);
    for (const name of names) await jetstream.publish(`${stream}.new`, JSON.stringify(name));
    return application;
  }

  async function drained({ app }: TestApplication, stream: string): Promise<void> {
    const consumer = await app.get(JetStreamService).consumer(stream, 'on');
    await eventually(
      () => consumer.info(),
      ({ numPending, numAckPending }) => numPending === 0 && numAckPending === 0,
    );
  }
});
