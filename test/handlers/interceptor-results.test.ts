import {
  Injectable,
  Scope,
  UseInterceptors,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
  type Type,
} from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { Payload } from '@nestjs/microservices';
import {
  AckInterceptor,
  JetStreamService,
  JsConsumer,
  JsHandler,
  KeyValueService,
  KvWatch,
  PublishTo,
  NatsSubscribe,
  type JsConsumerOptions,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { of } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';
import { FAILURES } from '../support/interceptor-failures.js';

interface Task {
  readonly id: string;
  readonly failure: string;
}

/** The handlers that have handled a task, with one entry for each call. */
const handled: string[] = [];
const attempts = new Map<string, number>();

/** Fails on the first attempt at each task of a handler. */
function stumble(handler: string, data: Task | readonly Task[], proceed: () => unknown): unknown {
  const [task] = 'id' in data ? [data] : data;
  const key = `${handler} ${task.id}`;
  const attempt = (attempts.get(key) ?? 0) + 1;
  attempts.set(key, attempt);
  return attempt === 1 ? FAILURES[task.failure].act() : proceed();
}

@Injectable()
class Stumbling implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): never {
    const data = context.switchToRpc().getData<Task>();
    return stumble(context.getClass().name, data, () => next.handle()) as never;
  }
}

class StumblingAck extends AckInterceptor {
  override intercept(context: ExecutionContext, next: CallHandler): never {
    const data = context.switchToRpc().getData<Task>();
    return stumble(context.getClass().name, data, () => super.intercept(context, next)) as never;
  }
}

@Injectable()
class Passing implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler): ReturnType<CallHandler['handle']> {
    return next.handle();
  }
}

const METHOD = UseInterceptors(Stumbling);

/** A class with one handler that is decorated as given. */
function handlerClass(
  name: string,
  decorators: readonly MethodDecorator[],
  onClass: readonly ClassDecorator[] = [Injectable()],
): Type {
  class Handler {
    on(data: Task | Task[]): void {
      for (const { id } of [data].flat()) handled.push(`${name} ${id}`);
    }
  }
  Object.defineProperty(Handler, 'name', { value: name });
  const descriptor = Object.getOwnPropertyDescriptor(Handler.prototype, 'on') as PropertyDescriptor;
  Payload()(Handler.prototype, 'on', 0);
  for (const decorate of decorators) decorate(Handler.prototype, 'on', descriptor);
  for (const decorate of onClass) decorate(Handler);
  return Handler;
}

function consumer(durable: string, options: Partial<JsConsumerOptions> = {}): MethodDecorator {
  const identity = options.ordered === true ? { deliverPolicy: 'all' } : { durable };
  return JsConsumer({
    stream: 'TASKS',
    filterSubjects: 'tasks',
    retry: { maxDeliver: 3, backoff: [5] },
    ...identity,
    ...options,
  } as JsConsumerOptions);
}

const REPEATING: Record<string, Type> = {
  OnMethod: handlerClass('OnMethod', [METHOD, consumer('method')]),
  OnClass: handlerClass('OnClass', [consumer('class')], [METHOD, Injectable()]),
  Inner: handlerClass('Inner', [UseInterceptors(Passing, Stumbling), consumer('inner')]),
  Outer: handlerClass('Outer', [UseInterceptors(Stumbling, Passing), consumer('outer')]),
  Scoped: handlerClass('Scoped', [METHOD, consumer('scoped')], [Injectable({ scope: Scope.REQUEST })]),
  Batched: handlerClass('Batched', [METHOD, consumer('batched', { batch: { size: 1 } })]),
  Ordered: handlerClass('Ordered', [METHOD, consumer('', { ordered: true })]),
  Pushed: handlerClass('Pushed', [METHOD, consumer('pushed', { push: {} })]),
  Keyed: handlerClass('Keyed', [METHOD, consumer('keyed', { concurrency: 4, orderBy: 0 })]),
  Confirmed: handlerClass('Confirmed', [METHOD, consumer('confirmed', { ackMode: 'confirmed' })]),
  Once: handlerClass('Once', [
    METHOD,
    consumer('once', {
      idempotent: { bucket: 'claims', ttl: 60_000, key: (task) => (task as Task).id },
    }),
  ]),
  Publishing: handlerClass('Publishing', [
    METHOD,
    PublishTo('results') as MethodDecorator,
    consumer('publishing'),
  ]),
  Acknowledging: handlerClass('Acknowledging', [consumer('acking', { settlement: StumblingAck })]),
  Routed: handlerClass(
    'Routed',
    [METHOD, JsHandler('tasks')],
    [consumer('routed') as unknown as ClassDecorator, Injectable()],
  ),
  Watching: handlerClass('Watching', [METHOD, KvWatch('tasks')]),
};

describe('an interceptor that returns no Observable', () => {
  let server: NatsTestServer;
  let application: TestApplication;

  beforeAll(async () => {
    server = await NatsTestServer.start();
    application = await startApplication(server.url, {
      feature: {
        streams: [
          { name: 'TASKS', subjects: ['tasks'], storage: 'memory' },
          { name: 'RESULTS', subjects: ['results'], storage: 'memory' },
        ],
        keyValues: [{ bucket: 'tasks', storage: 'memory' }],
      },
      providers: [...Object.values(REPEATING), handlerClass('Subscribed', [METHOD, NatsSubscribe('core')])],
    });
    const jetstream = application.app.get(JetStreamService);
    const bucket = await application.app.get(KeyValueService).open('tasks');
    for (const [place, failure] of Object.keys(FAILURES).entries()) {
      const task: Task = { id: String(place), failure };
      await jetstream.publish('tasks', task);
      await bucket.put(task.id, task);
      jetstream.connection.nc.publish('core', JSON.stringify(task));
    }
  });
  afterAll(async () => {
    await application.app.close();
    await server.stop();
  });

  /** The warnings and errors that name a handler. */
  const linesOf = (handler: string): string[] =>
    application.logs.lines
      .filter(({ level, text }) => level !== 'log' && level !== 'debug' && text.includes(`${handler}.on`))
      .map(({ text }) => text);

  const cases = Object.keys(REPEATING).flatMap((handler) =>
    Object.keys(FAILURES).map((failure, place) => ({ handler, failure, key: `${handler} ${place}` })),
  );
  it.each(cases)('$handler: $failure: the message is retried', async ({ key }) => {
    await eventually(
      () => handled,
      (all) => all.includes(key),
    );
    expect(attempts.get(key)).toBe(2);
    expect(handled.filter((each) => each === key)).toHaveLength(1);
  });

  it.each(Object.entries(FAILURES))('@NatsSubscribe: %s: is reported', async (failure, { says }) => {
    const place = Object.keys(FAILURES).indexOf(failure);
    const lines = await eventually(
      () => linesOf('Subscribed'),
      ({ length }) => length >= Object.keys(FAILURES).length,
    );
    expect(lines[place]).toContain(says);
    expect(handled).not.toContain(`Subscribed ${place}`);
  });

  it('is named with its handler', async () => {
    await eventually(
      () => handled,
      (all) => all.includes('OnMethod 0'),
    );
    expect(linesOf('OnMethod').join('\n')).toContain(
      'OnMethod.on: the interceptor Stumbling returned undefined instead of an Observable, so the handler did not run. ' +
        'Return next.handle(), or another Observable.',
    );
    expect(linesOf('Acknowledging').join('\n')).toContain(
      'Acknowledging.on: the interceptor StumblingAck returned undefined instead of an Observable',
    );
  });

  it.each([
    { form: 'of the whole application', provider: { provide: APP_INTERCEPTOR, useClass: Stumbling } },
    {
      form: 'of the whole application, without a class',
      provider: {
        provide: APP_INTERCEPTOR,
        useValue: {
          intercept: (context: ExecutionContext, next: CallHandler) =>
            stumble('Global', context.switchToRpc().getData<Task>(), () => next.handle()),
        },
      },
    },
  ])('$form: the message is retried', async ({ provider }) => {
    handled.length = 0;
    attempts.clear();
    const Global = handlerClass('Global', [
      consumer('global', { stream: 'GLOBAL', filterSubjects: 'global' }),
    ]);
    await using own = await startApplication(server.url, {
      feature: { streams: [{ name: 'GLOBAL', subjects: ['global'], storage: 'memory' }] },
      providers: [Global, provider],
    });
    const jetstream = own.app.get(JetStreamService);
    const all = Object.keys(FAILURES).map((failure, place) => ({ id: String(place), failure }));
    for (const task of all) await jetstream.publish('global', task);
    await eventually(
      () => new Set(handled).size,
      (size) => size === all.length,
    );
    expect(handled).toHaveLength(all.length);
    await jetstream.deleteStream('GLOBAL');
  });
});

describe('an interceptor that returns its own result', () => {
  it.each([
    ['an observable', () => of(1)],
    ['a promise of one', async () => of(1)],
    [
      'an asynchronous generator',
      async function* () {
        yield 1;
      },
    ],
  ])('by %s: the message is acknowledged', async (_, intercept) => {
    handled.length = 0;
    @Injectable()
    class Cached {
      @UseInterceptors({ intercept: intercept as never })
      @JsConsumer({ stream: 'CACHED', durable: 'cached' })
      on(): void {
        handled.push('cached');
      }
    }
    await using server = await NatsTestServer.start();
    await using application = await startApplication(server.url, {
      feature: { streams: [{ name: 'CACHED', subjects: ['cached'], storage: 'memory' }] },
      providers: [Cached],
    });
    const jetstream = application.app.get(JetStreamService);
    await jetstream.publish('cached', 1);
    const consumerOf = await jetstream.consumer('CACHED', 'cached');
    await eventually(
      () => consumerOf.info(),
      ({ ackFloor }) => ackFloor.streamSequence === 1,
    );
    expect(handled).toEqual([]);
  });
});
