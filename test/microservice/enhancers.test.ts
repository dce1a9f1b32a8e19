import {
  Catch,
  Controller,
  createParamDecorator,
  Injectable,
  ParseIntPipe,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
  type ArgumentsHost,
  type CallHandler,
  type CanActivate,
  type ExceptionFilter,
  type ExecutionContext,
  type INestMicroservice,
  type NestInterceptor,
  type PipeTransform,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, APP_PIPE } from '@nestjs/core';
import { Ctx, EventPattern, MessagePattern, Payload, RpcException } from '@nestjs/microservices';
import { JetStreamContext, RetryMessage } from 'nestjs-nats-jetstream';
import {
  JetStreamEventContext,
  JetStreamRequestContext,
  type EventExtras,
  type JetStreamServer,
} from 'nestjs-nats-jetstream/microservice';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { map, of, throwError, type Observable } from 'rxjs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { ask, askAll, connectClient, emit, failure, startMicroservice } from './microservice.js';

let story: string[] = [];

@Injectable()
class TellingGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const data = context.switchToRpc().getData<unknown>();
    story.push(
      `guard ${context.getType()} ${context.getClass().name}.${context.getHandler().name} ${String(data)}`,
    );
    return data !== 'forbidden';
  }
}

@Injectable()
class TellingInterceptor implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    story.push('interceptor before');
    return next.handle().pipe(
      map((value: unknown) => {
        story.push('interceptor after');
        return value;
      }),
    );
  }
}

@Injectable()
class TellingPipe implements PipeTransform {
  transform(value: unknown, { type }: { readonly type: string }): unknown {
    if (type === 'body') story.push(`pipe ${String(value)}`);
    return value;
  }
}

class OutOfStock extends Error {}

@Catch(OutOfStock)
class OutOfStockFilter implements ExceptionFilter {
  catch(error: OutOfStock, host: ArgumentsHost): Observable<unknown> {
    story.push(`filter ${error.message}`);
    const context = host.switchToRpc().getContext<unknown>();
    // A filter may settle the message itself.
    if (context instanceof JetStreamContext) context.ack();
    return throwError(() => ({ code: 'OUT_OF_STOCK', message: error.message }));
  }
}

const Subject = createParamDecorator((_: unknown, context: ExecutionContext): string =>
  context.switchToRpc().getContext<JetStreamRequestContext>().getSubject(),
);

const enhancers = [TellingGuard, TellingInterceptor, TellingPipe, OutOfStockFilter] as const;

@Controller()
class Orders {
  @MessagePattern('order')
  order(@Payload() data: string, @Subject() subject: string): string {
    story.push(`handler ${data} ${subject}`);
    if (data === 'sold out') throw new OutOfStock('nothing left');
    return data.toUpperCase();
  }

  @EventPattern<unknown>('events.ordered', {
    durable: 'worker',
    retry: { backoff: [1] },
  } satisfies EventExtras)
  ordered(@Payload() data: string, @Ctx() context: JetStreamEventContext): void {
    story.push(`event ${data} ${context.metadata.deliveryCount}`);
    if (data === 'sold out') throw new OutOfStock('nothing left');
    if (data === 'twice' && context.metadata.deliveryCount === 1) throw new RetryMessage();
  }
}

@UseGuards(TellingGuard)
@UseInterceptors(TellingInterceptor)
@UsePipes(TellingPipe)
@UseFilters(OutOfStockFilter)
@Controller()
class EnhancedOrders extends Orders {}

describe("Nest's pipeline", () => {
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
    story = [];
  });

  const streams = [{ name: 'EVENTS', subjects: ['events.>'], storage: 'memory' as const }];

  describe.each<[string, Parameters<typeof startMicroservice>[1]]>([
    ['bound to the class', { controllers: [EnhancedOrders] }],
    [
      'provided for the application',
      {
        controllers: [Orders],
        providers: [
          { provide: APP_GUARD, useClass: TellingGuard },
          { provide: APP_INTERCEPTOR, useClass: TellingInterceptor },
          { provide: APP_PIPE, useClass: TellingPipe },
          { provide: APP_FILTER, useClass: OutOfStockFilter },
        ],
      },
    ],
    [
      'given to the microservice',
      {
        controllers: [Orders],
        prepare: (app: INestMicroservice) =>
          app
            .useGlobalGuards(new TellingGuard())
            .useGlobalInterceptors(new TellingInterceptor())
            .useGlobalPipes(new TellingPipe())
            .useGlobalFilters(new OutOfStockFilter()),
      },
    ],
  ])('%s', (_, options) => {
    const controllerName = options.controllers?.[0].name ?? '';

    it('wraps requests', async () => {
      await using service = await startMicroservice(nats.url, { ...options, server: { streams } });
      expect(service.app).toBeDefined();
      expect(enhancers).toHaveLength(4);
      expect(await ask(client, 'order', 'tea')).toBe('TEA');
      expect(story).toEqual([
        `guard rpc ${controllerName}.order tea`,
        'interceptor before',
        'pipe tea',
        'handler tea order',
        'interceptor after',
      ]);

      story = [];
      const forbidden = (await failure(ask(client, 'order', 'forbidden'))) as RpcException;
      expect(forbidden.getError()).toEqual({ status: 'error', message: 'Forbidden resource' });
      expect(story).toEqual([`guard rpc ${controllerName}.order forbidden`]);

      story = [];
      const soldOut = (await failure(ask(client, 'order', 'sold out'))) as RpcException;
      expect(soldOut.getError()).toEqual({ code: 'OUT_OF_STOCK', message: 'nothing left' });
      expect(story.at(-1)).toBe('filter nothing left');
    });

    it('wraps events, before they are settled', async () => {
      await using service = await startMicroservice(nats.url, { ...options, server: { streams } });
      await emit(client, 'events.ordered', 'tea');
      await emit(client, 'events.ordered', 'twice');
      await emit(client, 'events.ordered', 'sold out');
      await eventually(
        () => story,
        (lines) => lines.includes('filter nothing left') && lines.includes('event twice 2'),
      );
      expect(story.slice(0, 5)).toEqual([
        `guard rpc ${controllerName}.ordered tea`,
        'interceptor before',
        'pipe tea',
        'event tea 1',
        'interceptor after',
      ]);
      // The filter has acknowledged it, so the message is already settled.
      await eventually(
        () => service.logs.of('warn', 'Settlement').join(),
        (text) => text.includes('was settled by its handler'),
      );
      expect(story.filter((line) => line.startsWith('event sold out'))).toEqual(['event sold out 1']);
    });
  });

  it('lets an exception filter answer in place of the handler', async () => {
    @Catch(OutOfStock)
    class Substitute implements ExceptionFilter {
      catch(): Observable<string> {
        return of('coffee', 'water');
      }
    }
    @Controller()
    @UseFilters(Substitute)
    class Shop {
      @MessagePattern('shop')
      shop(): never {
        throw new OutOfStock();
      }
    }
    await using service = await startMicroservice(nats.url, { controllers: [Shop] });
    expect(service.app).toBeDefined();
    expect(await askAll(client, 'shop', 'tea')).toEqual(['coffee', 'water']);
  });

  it('streams the values of an iterating handler through interceptors', async () => {
    @Controller()
    @UseInterceptors(TellingInterceptor)
    class Words {
      @MessagePattern('letters')
      async *letters(@Payload() word: string): AsyncGenerator<string> {
        yield* word;
      }
    }
    await using service = await startMicroservice(nats.url, { controllers: [Words] });
    expect(service.app).toBeDefined();
    expect(await askAll(client, 'letters', 'abc')).toEqual(['a', 'b', 'c']);
  });

  it('passes each parameter to pipes, and answers with their errors', async () => {
    @Controller()
    class Numbers {
      @MessagePattern('next')
      next(
        @Payload('n', new ParseIntPipe({ exceptionFactory: (text) => new RpcException(text) })) n: number,
      ): number {
        return n + 1;
      }
    }
    await using service = await startMicroservice(nats.url, { controllers: [Numbers] });
    expect(service.app).toBeDefined();
    expect(await ask(client, 'next', { n: '41' })).toBe(42);
    expect((await failure(ask(client, 'next', { n: 'x' }))).message).toContain('numeric string is expected');
  });

  it('runs pre-request hooks around requests and events', async () => {
    await using service = await startMicroservice(nats.url, {
      controllers: [Orders],
      server: { streams },
      prepare: (app) =>
        app.registerPreRequestHook((context, next) => {
          story.push(`hook ${context.getHandler().name}`);
          return next();
        }),
    });
    expect(service.app).toBeDefined();
    expect(await ask(client, 'order', 'tea')).toBe('TEA');
    await emit(client, 'events.ordered', 'tea');
    await eventually(
      () => story,
      (lines) => lines.includes('event tea 1'),
    );
    expect(story).toEqual(['hook order', 'handler tea order', 'hook ordered', 'event tea 1']);
  });

  it('calls processing hooks when handling begins and ends, in order', async () => {
    const transport = Symbol('test');
    const prepare = (_: INestMicroservice, server: JetStreamServer): void => {
      server.setTransportId(transport);
      server.setOnProcessingStartHook((id, context, done) => {
        story.push(`start ${String(id === transport)} ${(context as JetStreamRequestContext).getSubject()}`);
        setTimeout(() => void done(), 5);
      });
      server.setOnProcessingEndHook((_id, context) => {
        story.push(`end ${(context as JetStreamRequestContext).getSubject()}`);
        throw new Error('an error of the hook');
      });
    };
    await using service = await startMicroservice(nats.url, {
      controllers: [Orders],
      server: { streams },
      prepare,
    });
    expect(service.app).toBeDefined();
    expect(await ask(client, 'order', 'tea')).toBe('TEA');
    await failure(ask(client, 'order', 'sold out'));
    await emit(client, 'events.ordered', 'tea');
    await eventually(
      () => story,
      (lines) => lines.includes('end events.ordered'),
    );
    expect(story).toEqual([
      'start true order',
      'handler tea order',
      'end order',
      'start true order',
      'handler sold out order',
      'end order',
      'start true events.ordered',
      'event tea 1',
      'end events.ordered',
    ]);
  });
});
