import { Injectable, Module, UseFilters, UseGuards, UseInterceptors, UsePipes } from '@nestjs/common';
import type { ArgumentsHost, CallHandler, CanActivate, ExceptionFilter, PipeTransform } from '@nestjs/common';
import type { ExecutionContext, NestInterceptor } from '@nestjs/common';
import { Catch } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, Payload } from '@nestjs/microservices';
import { JetStreamContext, JsConsumer } from 'nestjs-nats-jetstream';
import { lastValueFrom, map, throwError, type Observable } from 'rxjs';
import { compareConsumers, OURS, type RawHandler } from '../consuming.js';
import { Countdown } from '../countdown.js';
import { rpcHandler } from '../rpc-handler.js';
import type { BenchValue, Suite } from '../suite.js';

@Injectable()
class OrderGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    return context.getType() === 'rpc';
  }
}

@Injectable()
class OrderPipe implements PipeTransform {
  transform(value: unknown): unknown {
    return value;
  }
}

@Injectable()
class OrderInterceptor implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(map((value: unknown) => value));
  }
}

@Catch()
class OrderFilter implements ExceptionFilter {
  catch(error: Error, _host: ArgumentsHost): Observable<never> {
    return throwError(() => error);
  }
}

@Injectable()
class EnhancedHandler {
  constructor(private readonly countdown: Countdown) {}

  @JsConsumer(OURS)
  @UseGuards(OrderGuard)
  @UsePipes(OrderPipe)
  @UseInterceptors(OrderInterceptor)
  @UseFilters(OrderFilter)
  handle(@Payload() order: BenchValue, @Ctx() _context: JetStreamContext): void {
    if (order.id > 0) this.countdown.count();
  }
}

/** Guard, pipe, interceptor and filter against the same handler, wired by hand through Nest's `RpcContextCreator`. */
const suite: Suite = {
  unit: 'messages',
  operations: 100_000,
  open: (bench) => compareConsumers(bench, EnhancedHandler, wireByHand),
};

export default suite;

async function wireByHand(countdown: Countdown): Promise<RawHandler> {
  @Module({ providers: [EnhancedHandler, { provide: Countdown, useValue: countdown }] })
  class HandWiredModule {}

  const app = await NestFactory.createApplicationContext(HandWiredModule, { logger: ['warn', 'error'] });
  const handle = rpcHandler(app, EnhancedHandler, 'handle');
  return {
    callback: async (message) => {
      const result = await handle(JSON.parse(message.string()), message);
      await lastValueFrom(result, { defaultValue: undefined });
      message.ack();
    },
    close: () => app.close(),
  };
}
