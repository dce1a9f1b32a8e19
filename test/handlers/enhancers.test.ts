import { AsyncLocalStorage } from 'node:async_hooks';
import {
  BadRequestException,
  Catch,
  Inject,
  Injectable,
  Scope,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
  ValidationPipe,
  type ArgumentsHost,
  type CallHandler,
  type CanActivate,
  type ExceptionFilter,
  type ExecutionContext,
  type NestInterceptor,
  type PipeTransform,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, APP_PIPE, REQUEST } from '@nestjs/core';
import { Ctx, Payload, RpcException, type RequestContext } from '@nestjs/microservices';
import { IsInt } from 'class-validator';
import {
  JetStreamContext,
  JetStreamService,
  JsConsumer,
  JsHeaders,
  JsMessage,
  JsMetadata,
  JsSubject,
  type JetStreamMessage,
  type MessageMetadata,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { concatMap, from, map, of, tap, throwError, type Observable } from 'rxjs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

/** The calls in order; emptied before each test. */
const trace: string[] = [];

class TracingGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const rpc = context.switchToRpc();
    trace.push(`guard ${context.getType()} ${context.getClass().name}.${context.getHandler().name}`);
    trace.push(`data ${JSON.stringify(rpc.getData())} on ${rpc.getContext<JetStreamContext>().subject}`);
    return Promise.resolve(true);
  }
}

class TracingInterceptor implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler): Observable<unknown> {
    trace.push('before');
    return next.handle().pipe(tap((result) => trace.push(`after ${String(result)}`)));
  }
}

class IncrementPipe implements PipeTransform<{ n: number }> {
  transform(value: { n: number }, { type }: { type: string }): unknown {
    if (type !== 'body') return value;
    trace.push('pipe');
    return { n: value.n + 1 };
  }
}

@Catch()
class TracingFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): Observable<never> {
    trace.push(`filter ${(error as Error).message} ${host.getType()}`);
    return throwError(() => error);
  }
}

@Catch(RpcException)
class SwallowRpcExceptions implements ExceptionFilter {
  catch(error: RpcException): Observable<string> {
    trace.push(`swallowed ${error.message}`);
    return of('handled');
  }
}

describe('the enhancers of a handler', () => {
  let server: NatsTestServer;
  let serial = 0;

  beforeAll(async () => {
    server = await NatsTestServer.start();
  });
  afterAll(() => server.stop());
  beforeEach(() => {
    trace.length = 0;
  });

  /** Starts a handler, publishes to it, and waits until all messages are settled. */
  async function run(
    provider: new (...args: never[]) => object,
    payloads: readonly unknown[],
    providers: NonNullable<Parameters<typeof startApplication>[1]['providers']> = [],
    headers: Record<string, string> = {},
  ): Promise<TestApplication> {
    const application = await startApplication(server.url, {
      feature: { streams: [{ name: 'EVENTS', subjects: ['events.>'], storage: 'memory' }] },
      providers: [provider, ...providers],
      options: { handlers: { retry: { maxDeliver: 2, backoff: [10] } } },
    });
    const jetstream = application.app.get(JetStreamService);
    for (const payload of payloads) await jetstream.publish(`events.${++serial}`, payload, { headers });
    const consumer = await jetstream.consumer('EVENTS', 'events');
    await eventually(
      () => consumer.info(),
      ({ numPending, numAckPending }) => numPending === 0 && numAckPending === 0,
    );
    await jetstream.deleteStream('EVENTS');
    return application;
  }

  it('runs guards, interceptors, pipes, the method and filters in the order of Nest', async () => {
    @Injectable()
    @UseGuards(TracingGuard)
    @UseFilters(TracingFilter)
    class Events {
      @UseInterceptors(TracingInterceptor)
      @UsePipes(IncrementPipe)
      @JsConsumer({ stream: 'EVENTS', durable: 'events' })
      async onEvent(@Payload() event: { n: number }, @Ctx() context: JetStreamContext): Promise<string> {
        trace.push(`method ${event.n} ${context.subject}`);
        if (context.metadata.deliveryCount === 1) throw new Error('first');
        return 'result';
      }
    }
    await using _ = await run(Events, [{ n: 1 }]);
    const subject = `events.${serial}`;
    const around = [
      'guard rpc Events.onEvent',
      `data {"n":1} on ${subject}`,
      'before',
      'pipe',
      `method 2 ${subject}`,
    ];
    expect(trace).toEqual([...around, 'filter first rpc', ...around, 'after result']);
  });

  it('runs enhancers of the whole application', async () => {
    @Injectable()
    class Events {
      @JsConsumer({ stream: 'EVENTS', durable: 'events' })
      onEvent(@Payload() event: { n: number }): string {
        trace.push(`method ${event.n}`);
        return 'result';
      }
    }
    await using _ = await run(
      Events,
      [{ n: 1 }],
      [
        { provide: APP_GUARD, useClass: TracingGuard },
        { provide: APP_INTERCEPTOR, useClass: TracingInterceptor },
        { provide: APP_PIPE, useClass: IncrementPipe },
        { provide: APP_FILTER, useClass: TracingFilter },
      ],
    );
    expect(trace).toEqual([
      'guard rpc Events.onEvent',
      `data {"n":1} on events.${serial}`,
      'before',
      'pipe',
      'method 2',
      'after result',
    ]);
  });

  it('a guard that refuses: the message is retried like any failure, then terminated', async () => {
    class Refuse implements CanActivate {
      canActivate(): Observable<boolean> {
        trace.push('refused');
        return of(false);
      }
    }
    @Injectable()
    class Events {
      @UseGuards(Refuse)
      @JsConsumer({ stream: 'EVENTS', durable: 'events' })
      onEvent(): void {
        trace.push('method');
      }
    }
    await using application = await run(Events, [1]);
    expect(trace).toEqual(['refused', 'refused']);
    expect(application.logs.of('error', 'Settlement')[0]).toContain('Forbidden resource');
  });

  it('a filter that handles the exception: the message counts as handled', async () => {
    @Injectable()
    class Events {
      @UseFilters(SwallowRpcExceptions)
      @JsConsumer({ stream: 'EVENTS', durable: 'events' })
      onEvent(): void {
        throw new RpcException('harmless');
      }
    }
    await using application = await run(Events, [1]);
    expect(trace).toEqual(['swallowed harmless']);
    expect(application.logs.of('warn', 'Settlement')).toEqual([]);
  });

  it('a filter for other exceptions leaves the error to the settlement', async () => {
    @Injectable()
    class Events {
      @UseFilters(SwallowRpcExceptions)
      @JsConsumer({ stream: 'EVENTS', durable: 'events' })
      onEvent(): void {
        throw new Error('serious');
      }
    }
    await using application = await run(Events, [1]);
    expect(application.logs.of('error', 'Settlement')[0]).toContain('serious');
  });

  it('a filter may settle the message itself', async () => {
    @Catch()
    class Terminate implements ExceptionFilter {
      catch(error: Error, host: ArgumentsHost): Observable<never> {
        host.switchToRpc().getContext<JetStreamContext>().term(error.message);
        return throwError(() => error);
      }
    }
    @Injectable()
    class Events {
      @UseFilters(Terminate)
      @JsConsumer({ stream: 'EVENTS', durable: 'events' })
      onEvent(): void {
        trace.push('method');
        throw new Error('once is enough');
      }
    }
    await using _ = await run(Events, [1]);
    expect(trace).toEqual(['method']);
  });

  it('an invalid payload is terminated without a retry, and the log names the problem', async () => {
    class Event {
      @IsInt()
      n!: number;
    }
    @Injectable()
    class Events {
      @UsePipes(new ValidationPipe({ transform: true }))
      @JsConsumer({ stream: 'EVENTS', durable: 'events' })
      onEvent(@Payload() event: Event): void {
        trace.push(`${event.constructor.name} ${event.n}`);
      }
    }
    await using application = await run(Events, [{ n: 'many' }, { n: 5 }]);
    expect(trace).toEqual(['Event 5']);
    expect(application.logs.of('warn', 'Settlement')).toEqual([
      expect.stringMatching(/Events\.onEvent: .*invalid payload: n must be an integer number/),
    ]);
  });

  it('filters receive the original error of an invalid payload', async () => {
    @Catch(BadRequestException)
    class Count implements ExceptionFilter {
      catch(error: BadRequestException): Observable<never> {
        trace.push(error.name);
        return throwError(() => error);
      }
    }
    class Reject implements PipeTransform {
      transform(): never {
        throw new BadRequestException('never');
      }
    }
    @Injectable()
    class Events {
      @UseFilters(Count)
      @JsConsumer({ stream: 'EVENTS', durable: 'events' })
      onEvent(@Payload(Reject) _: unknown): void {
        trace.push('method');
      }
    }
    await using _ = await run(Events, [1]);
    expect(trace).toEqual(['BadRequestException']);
  });

  it('an interceptor can replace, await and repeat results; an observable counts as its last value', async () => {
    class Outer implements NestInterceptor {
      async intercept(_: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
        await Promise.resolve();
        return next.handle().pipe(
          map((value) => `outer(${String(value)})`),
          tap((value) => trace.push(value)),
        );
      }
    }
    class Inner implements NestInterceptor {
      intercept(_: ExecutionContext, next: CallHandler): Observable<unknown> {
        return next.handle().pipe(concatMap((value) => from([`${String(value)}1`, `${String(value)}2`])));
      }
    }
    @Injectable()
    class Events {
      @UseInterceptors(Outer, Inner)
      @JsConsumer({ stream: 'EVENTS', durable: 'events' })
      onEvent(): Observable<string> {
        return from(['a', 'b']);
      }
    }
    await using _ = await run(Events, [1]);
    expect(trace).toEqual(['outer(a1)', 'outer(a2)', 'outer(b1)', 'outer(b2)']);
  });

  it('an AsyncLocalStorage entered around handle() reaches the method', async () => {
    const storage = new AsyncLocalStorage<string>();
    class Enter implements NestInterceptor {
      intercept(_: ExecutionContext, next: CallHandler): Observable<unknown> {
        return storage.run('tenant-1', () => next.handle());
      }
    }
    @Injectable()
    class Events {
      @UseInterceptors(Enter, TracingInterceptor)
      @UsePipes(IncrementPipe)
      @JsConsumer({ stream: 'EVENTS', durable: 'events' })
      async onEvent(@Payload() _: { n: number }): Promise<string | undefined> {
        await new Promise((resolve) => setTimeout(resolve, 1));
        return storage.getStore();
      }
    }
    await using _ = await run(Events, [{ n: 1 }]);
    expect(trace).toEqual(['before', 'pipe', 'after tenant-1']);
  });

  it('request scope: an instance and enhancers for each message, which can be injected', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Session {
      static made = 0;
      readonly id = ++Session.made;
      constructor(@Inject(REQUEST) readonly request: RequestContext<{ n: number }>) {}
    }
    @Injectable({ scope: Scope.REQUEST })
    class ScopedGuard implements CanActivate {
      constructor(@Inject(Session) private readonly session: Session) {}
      canActivate(): boolean {
        trace.push(`guard of ${this.session.id}`);
        return true;
      }
    }
    @Injectable()
    class Events {
      constructor(@Inject(Session) private readonly session: Session) {}

      @UseGuards(ScopedGuard)
      @JsConsumer({ stream: 'EVENTS', durable: 'events' })
      onEvent(@Payload() event: { n: number }): void {
        const { request, id } = this.session;
        trace.push(`session ${id}, ${event.n}, ${request.getData().n}, ${request.getPattern() as string}`);
      }
    }
    await using _ = await run(Events, [{ n: 1 }, { n: 2 }], [Session]);
    expect(trace).toEqual([
      'guard of 1',
      `session 1, 1, 1, events.${serial - 1}`,
      'guard of 2',
      `session 2, 2, 2, events.${serial}`,
    ]);
  });

  it('a request-scoped guard of the whole application is created for each message', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class GlobalGuard implements CanActivate {
      static made = 0;
      readonly id = ++GlobalGuard.made;
      canActivate(): boolean {
        trace.push(`guard ${this.id}`);
        return true;
      }
    }
    @Injectable()
    class Events {
      @JsConsumer({ stream: 'EVENTS', durable: 'events' })
      onEvent(@Payload() n: number): void {
        trace.push(`method ${n}`);
      }
    }
    await using _ = await run(Events, [1, 2], [{ provide: APP_GUARD, useClass: GlobalGuard }]);
    expect(trace).toEqual(['guard 1', 'method 1', 'guard 2', 'method 2']);
  });

  it('passes the parts of a message to decorated parameters', async () => {
    const seen: unknown[] = [];
    @Injectable()
    class Events {
      @JsConsumer({ stream: 'EVENTS', durable: 'events' })
      onEvent(
        @Payload('n') n: number,
        @JsSubject() subject: string,
        @JsSubject(0) token: string,
        @JsHeaders('Tenant') tenant: string,
        @JsHeaders('Missing') missing: string | undefined,
        @JsMetadata() metadata: MessageMetadata,
        @JsMessage() message: JetStreamMessage,
      ): void {
        seen.push(n, subject, token, tenant, missing, metadata.stream, message.text());
      }
    }
    await using _ = await run(Events, [{ n: 3 }], [], { Tenant: 'acme' });
    expect(seen).toEqual([3, `events.${serial}`, 'events', 'acme', undefined, 'EVENTS', '{"n":3}']);
  });

  it('passes payload and context to a method without parameter decorators', async () => {
    const seen: unknown[] = [];
    @Injectable()
    class Events {
      @JsConsumer({ stream: 'EVENTS', durable: 'events' })
      onEvent(payload: unknown, context: JetStreamContext): void {
        seen.push(payload, context.subject);
      }
    }
    await using _ = await run(Events, [{ n: 4 }]);
    expect(seen).toEqual([{ n: 4 }, `events.${serial}`]);
  });
});
