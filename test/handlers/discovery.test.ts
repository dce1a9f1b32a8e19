import { createRequire } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  Injectable,
  Module,
  SetMetadata,
  UseGuards,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { Payload } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import {
  HandlerConfigurationError,
  Handlers,
  JetStreamEvents,
  JetStreamService,
  JsConsumer,
  JsHandler,
  KvWatch,
  PublishTo,
  NatsSubscribe,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { filter, map } from 'rxjs';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { startApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';
import { LogRecorder } from '../support/log-recorder.js';

let calls: string[] = [];

class Counting implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    calls.push(`guard ${new Reflector().get<string>('role', context.getHandler()) ?? ''}`.trim());
    return true;
  }
}

/** A decorator that replaces the method and does not copy metadata. */
function Wrapped(_: object, __: string, descriptor: PropertyDescriptor): void {
  const original = descriptor.value as (...args: unknown[]) => unknown;
  descriptor.value = function (this: unknown, ...args: unknown[]): unknown {
    calls.push('wrapped');
    return original.apply(this, args);
  };
}

/** A decorator that replaces the method by an accessor, like decorators that bind it. */
function Bound(_: object, name: string, descriptor: PropertyDescriptor): PropertyDescriptor {
  const original = descriptor.value as (...args: unknown[]) => unknown;
  return {
    configurable: true,
    get(this: object): unknown {
      const bound = (...args: unknown[]): unknown => {
        calls.push(`bound ${name}`);
        return original.apply(this, args);
      };
      return bound;
    },
  };
}

/** Another copy of the built library, as in a process that only imports its decorators. */
function anotherCopy(): typeof import('nestjs-nats-jetstream') {
  const load = createRequire(import.meta.url);
  const build = fileURLToPath(new URL('../../dist/cjs/', import.meta.url));
  for (const file of Object.keys(load.cache)) if (file.startsWith(build)) delete load.cache[file];
  return load(`${build}index.js`) as typeof import('nestjs-nats-jetstream');
}

describe('the handlers of an application', () => {
  let server: NatsTestServer;
  let serial = 0;

  beforeAll(async () => {
    server = await NatsTestServer.start();
  });
  afterAll(() => server.stop());
  beforeEach(() => {
    calls = [];
  });

  const streams = (stream: string) => [
    { name: stream, subjects: [`${stream}.>`], storage: 'memory' as const },
  ];

  type Decorate = (
    prototype: object,
    name: string,
    descriptor: PropertyDescriptor,
  ) => PropertyDescriptor | void;

  /** Applies decorators as TypeScript does, the last one first. */
  function decorate(prototype: object, name: string, decorators: readonly Decorate[]): void {
    let descriptor = Object.getOwnPropertyDescriptor(prototype, name) as PropertyDescriptor;
    for (const each of decorators.toReversed()) descriptor = each(prototype, name, descriptor) ?? descriptor;
    Object.defineProperty(prototype, name, descriptor);
  }

  const consumer = (stream: string): Decorate => JsConsumer({ stream, durable: 'on' });
  const guard = UseGuards(Counting) as Decorate;
  const role = SetMetadata('role', 'admin') as unknown as Decorate;
  const publish: Decorate = (...args) => PublishTo('results.all')(...args);

  it.each<[string, (stream: string) => Decorate[], string[]]>([
    ['nothing else', (stream) => [consumer(stream)], ['called']],
    ['a decorator above that replaces it', (stream) => [Wrapped, consumer(stream)], ['wrapped', 'called']],
    ['a decorator below that replaces it', (stream) => [consumer(stream), Wrapped], ['wrapped', 'called']],
    [
      'one above, and a guard between',
      (stream) => [Wrapped, guard, consumer(stream)],
      ['guard', 'wrapped', 'called'],
    ],
    [
      'one above, and guards around',
      (stream) => [guard, Wrapped, role, consumer(stream)],
      ['guard admin', 'wrapped', 'called'],
    ],
    [
      'one below, and a guard below that',
      (stream) => [consumer(stream), Wrapped, guard],
      ['guard', 'wrapped', 'called'],
    ],
    [
      'one below, and what it publishes below that',
      (stream) => [consumer(stream), Wrapped, publish],
      ['wrapped', 'called', 'published'],
    ],
    [
      'one between what it publishes and the handler',
      (stream) => [publish, Wrapped, consumer(stream)],
      ['wrapped', 'called', 'published'],
    ],
    [
      'several',
      (stream) => [Wrapped, consumer(stream), Wrapped, role, guard],
      ['guard admin', 'wrapped', 'wrapped', 'called'],
    ],
    ['one above that makes it an accessor', (stream) => [Bound, consumer(stream)], ['bound on', 'called']],
    ['one below that makes it an accessor', (stream) => [consumer(stream), Bound], ['bound on', 'called']],
  ])('are found with all of their decorators: %s', async (_, decorators, expected) => {
    const stream = `FOUND_${++serial}`;
    const target = expected.includes('published')
      ? [{ name: 'RESULTS', subjects: ['results.>'], storage: 'memory' as const }]
      : [];
    class Found {
      on(): string {
        calls.push('called');
        return 'result';
      }
    }
    Injectable()(Found);
    decorate(Found.prototype, 'on', decorators(stream));
    await using application = await startApplication(server.url, {
      feature: { streams: [...streams(stream), ...target] },
      providers: [Found],
    });
    const jetstream = application.app.get(JetStreamService);
    await jetstream.publish(`${stream}.1`, '{}');
    await eventually(
      async () => (await (await jetstream.consumer(stream, 'on')).info()).ackFloor.streamSequence,
      (sequence) => sequence === 1,
    );
    if (target.length > 0) {
      const results = await jetstream.stream('RESULTS');
      if ((await results.info()).state.messages === 1) calls.push('published');
      await jetstream.deleteStream('RESULTS');
    }
    expect(calls).toEqual(expected);
  });

  it.each<[string, (stream: string) => Decorate[]]>([
    ['above', (stream) => [Bound, guard, consumer(stream)]],
    ['below', (stream) => [consumer(stream), Bound, guard]],
  ])('stop the boot if their guards would not apply: an accessor %s', async (_, decorators) => {
    const stream = `LOST_${++serial}`;
    class Lost {
      on(): void {
        calls.push('called');
      }
    }
    Injectable()(Lost);
    decorate(Lost.prototype, 'on', decorators(stream));
    const starting = startApplication(server.url, {
      feature: { streams: streams(stream) },
      providers: [Lost],
    });
    await expect(starting).rejects.toThrow('Lost.on: Counting would not be applied');
  });

  it('that are overridden without a decorator are ignored, and inherited ones are found', async () => {
    class Base {
      @NatsSubscribe('inherited')
      inherited(): void {
        calls.push('inherited');
      }
      @NatsSubscribe('overridden')
      overridden(): void {
        calls.push('overridden');
      }
    }
    @Injectable()
    class Derived extends Base {
      override overridden(): void {
        calls.push('derived');
      }
    }
    await using application = await startApplication(server.url, { providers: [Derived] });
    expect(
      application.app
        .get(Handlers)
        .list()
        .map(({ handler }) => handler),
    ).toEqual(['Derived.inherited']);
  });

  it.each([
    'on the instance after the start',
    'on the prototype after the start',
    'on the prototype before the start',
  ])('can be spied on: %s', async (place) => {
    class Base {
      @NatsSubscribe('spied')
      @UseGuards(Counting)
      on(@Payload() payload: string): void {
        calls.push(`called ${payload}`);
      }
    }
    @Injectable()
    class Spied extends Base {}
    const spies: { mockRestore: () => void; mock: { calls: unknown[][] } }[] = [];
    if (place === 'on the prototype before the start') spies.push(vi.spyOn(Base.prototype, 'on'));
    await using application = await startApplication(server.url, { providers: [Spied] });
    if (place === 'on the instance after the start') spies.push(vi.spyOn(application.app.get(Spied), 'on'));
    if (place === 'on the prototype after the start') spies.push(vi.spyOn(Base.prototype, 'on'));
    const { nc } = application.app.get(JetStreamService).connection;
    nc.publish('spied', '"one"');
    await eventually(
      () => calls,
      ({ length }) => length === 2,
    );
    expect(calls).toEqual(['guard', 'called one']);
    expect(spies[0].mock.calls.map(([payload]) => payload)).toEqual(['one']);
    for (const spy of spies) spy.mockRestore();
  });

  it('can be spied on before the start on a subclass, if they have no enhancers', async () => {
    class Base {
      @NatsSubscribe('spied-below')
      on(@Payload() payload: string): void {
        calls.push(`called ${payload}`);
      }
    }
    @Injectable()
    class Spied extends Base {}
    const spy = vi.spyOn(Spied.prototype, 'on');
    await using application = await startApplication(server.url, { providers: [Spied] });
    application.app.get(JetStreamService).connection.nc.publish('spied-below', '"one"');
    await eventually(
      () => calls,
      ({ length }) => length === 1,
    );
    expect(spy).toHaveBeenCalledTimes(1);
    spy.mockRestore();
  });

  it('have unique names if two modules provide the class, or classes of one name', async () => {
    const stream = `NAMES_${++serial}`;
    @Injectable()
    class Billing {
      @NatsSubscribe('bills')
      on(): void {
        calls.push('billing');
      }
    }
    // oxlint-disable no-shadow -- two classes of one name
    const Other = (() => {
      @Injectable()
      class Billing {
        @JsConsumer({ stream, durable: 'other' })
        on(): void {
          calls.push('other');
        }
      }
      return Billing;
    })();
    @Module({ providers: [Billing] })
    class Sales {}
    @Module({ providers: [Billing] })
    class Support {}
    @Module({ providers: [Other] })
    class Shop {}
    await using application = await startApplication(server.url, {
      feature: { streams: streams(stream) },
      imports: [Sales, Support, Shop],
    });
    const handlers = application.app.get(Handlers);
    const names = ['Sales/Billing.on', 'Shop/Billing.on', 'Support/Billing.on'];
    expect(
      handlers
        .list()
        .map(({ handler }) => handler)
        .toSorted(),
    ).toEqual(names);
    await expect(handlers.pause('Billing.on')).rejects.toThrow(
      'Several handlers are named "Billing.on". Use one of the full names: ',
    );
    expect(() => handlers.get('Billing.on')).toThrow('Sales/Billing.on');
    await handlers.pause('Sales/Billing.on');
    expect(handlers.get('Sales/Billing.on').status).toBe('paused');
    expect(handlers.get('Support/Billing.on').status).toBe('running');
  });

  it('cannot share a durable: the error says that two modules provide the class', async () => {
    const stream = `TWICE_${++serial}`;
    @Injectable()
    class Twice {
      @JsConsumer({ stream, durable: 'twice' })
      on(): void {
        calls.push('on');
      }
    }
    @Module({ providers: [Twice] })
    class First {}
    @Module({ providers: [Twice] })
    class Second {}
    const starting = startApplication(server.url, {
      feature: { streams: streams(stream) },
      imports: [First, Second],
    });
    await expect(starting).rejects.toThrow(
      'Second/Twice.on: is the same class as First/Twice.on, provided by two modules',
    );
  });

  it.each([
    { form: 'a name', token: 'second', named: 'as Twice and "second"' },
    { form: 'a symbol', token: Symbol('second'), named: 'as Twice and "Symbol(second)"' },
  ])('cannot share a durable: one module provides the class twice: $form', async ({ token, named }) => {
    const stream = `TWICE_${++serial}`;
    @Injectable()
    class Twice {
      @JsConsumer({ stream, durable: 'twice' })
      on(): void {
        calls.push('on');
      }
    }
    @Module({ providers: [Twice, { provide: token, useClass: Twice }] })
    class Single {}
    const starting = startApplication(server.url, {
      feature: { streams: streams(stream) },
      imports: [Single],
    });
    await expect(starting).rejects.toThrow(
      `Single/Twice#2.on: is the same class as Single/Twice.on, provided twice by Single (${named}), so each message would ` +
        'reach only one of the two: provide it once, and define the other token with useExisting',
    );
  });

  it('can have a second token by useExisting', async () => {
    const stream = `TWICE_${++serial}`;
    @Injectable()
    class Twice {
      @JsConsumer({ stream, durable: 'twice' })
      on(): void {
        calls.push('on');
      }
    }
    await using application = await startApplication(server.url, {
      feature: { streams: streams(stream) },
      providers: [Twice, { provide: 'second', useExisting: Twice }],
    });
    expect(application.app.get(Handlers).list()).toMatchObject([{ handler: 'Twice.on' }]);
  });

  it('are reported in one list if they cannot be handlers, or have several mistakes', async () => {
    const stream = `MISTAKES_${++serial}`;
    class Misplaced {
      @JsConsumer({ stream, durable: 'symbol' })
      [Symbol('secret')](): void {
        calls.push('symbol');
      }
      @JsConsumer({ stream, durable: 'filter', filterSubjects: 'elsewhere', concurrency: 0 })
      filtered(): void {
        calls.push('filtered');
      }
      @JsHandler('x')
      @PublishTo('y')
      routed(): string {
        return 'routed';
      }
    }
    Injectable()(Misplaced);
    const property = JsConsumer({ stream, durable: 'property' }) as unknown as PropertyDecorator;
    property(Misplaced.prototype, 'arrow');
    const error = await startApplication(server.url, {
      feature: { streams: streams(stream) },
      providers: [Misplaced],
    }).then(
      () => undefined,
      (thrown: unknown) => thrown as HandlerConfigurationError,
    );
    expect(error).toBeInstanceOf(HandlerConfigurationError);
    const text = error?.message ?? '';
    expect(text).toContain('Misplaced.Symbol(secret): a handler cannot be a method named by a symbol');
    expect(text).toContain('Misplaced.arrow: a handler must be a method');
    expect(text).toContain('Misplaced.routed: @JsHandler has no consumer');
    expect(text).toContain('Misplaced.filtered: concurrency');
    expect(text).toContain(`stream "${stream}" has no subject that "elsewhere" could match`);
  });

  it('that are rejected for the same reason are listed together, in a bounded text', async () => {
    // oxlint-disable-next-line no-extraneous-class -- its methods are added below
    class Many {}
    for (let i = 0; i < 2_000; i++) {
      Object.defineProperty(Many.prototype, `on${i}`, {
        value: () => undefined,
        configurable: true,
        writable: true,
      });
      const descriptor = Object.getOwnPropertyDescriptor(Many.prototype, `on${i}`) as PropertyDescriptor;
      KvWatch('missing')(Many.prototype, `on${i}`, descriptor);
      if (i < 200) NatsSubscribe(`bad subject ${i}`)(Many.prototype, `on${i}`, descriptor);
    }
    Injectable()(Many);
    const error = await startApplication(server.url, { providers: [Many] }).then(
      () => undefined,
      (thrown: unknown) => thrown as HandlerConfigurationError,
    );
    expect(error?.problems).toHaveLength(2_200);
    expect(error?.message.split('\n').length).toBeLessThan(60);
    expect(error?.message).toContain(
      'Many.on0, Many.on1, Many.on2, Many.on3, Many.on4 and 1995 other handlers: there is no bucket "missing"',
    );
    expect(Object.keys(error ?? {})).not.toContain('problems');
  });

  it('are not started without a JetStreamModule, with a warning', async () => {
    const logs = new LogRecorder();
    const library = anotherCopy();
    class Forgotten {
      @library.NatsSubscribe('forgotten')
      on(): void {
        calls.push('forgotten');
      }
    }
    const app = await Test.createTestingModule({ providers: [Forgotten] })
      .setLogger(logs)
      .compile();
    await app.init();
    const warnings = await eventually(
      () => logs.of('warn', 'JetStreamModule'),
      ({ length }) => length > 0,
    );
    expect(warnings).toEqual([expect.stringContaining('The handlers of Forgotten are not started')]);
    await app.close();
  });

  it('are not affected by errors of subscribers of events', async () => {
    await using application = await startApplication(server.url, {});
    const events = application.app.get(JetStreamEvents);
    const seen: string[] = [];
    // The same failure would be logged once a minute.
    let failures = 0;
    const fail = (): never => {
      throw new Error(`subscriber failed ${++failures}`);
    };
    events.all.subscribe(fail);
    events.all.subscribe({ next: fail });
    // oxlint-disable-next-line no-misused-promises -- users write that
    events.all.subscribe(async () => fail());
    events.all.pipe(filter(() => true)).subscribe(fail);
    events.all.pipe(map(fail)).subscribe(() => undefined);
    events.all.subscribe(({ type }) => void seen.push(type));
    for (let i = 0; i < 2; i++)
      events.emit({ type: 'disconnected', connection: 'default', time: new Date() });
    await eventually(
      () => application.logs.of('error', 'JetStreamEvents').length,
      (count) => count === 9,
    );
    await delay(5);
    expect(seen).toEqual(['disconnected', 'disconnected']);
  });
});
