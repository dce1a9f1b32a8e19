import {
  Injectable,
  UseFilters,
  UseGuards,
  UseInterceptors,
  ValidationPipe,
  type ArgumentsHost,
  type CallHandler,
  type CanActivate,
  type ExceptionFilter,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { IsPositive, IsString } from 'class-validator';
import {
  JetStreamContext,
  JsConsumer,
  JsHeaders,
  JsMetadata,
  JsSubject,
  KvContext,
  KvWatch,
  OnJetStreamEvent,
  RetryMessage,
  TerminateMessage,
  type JetStreamEvent,
  type MessageMetadata,
} from 'nestjs-nats-jetstream';
import { tap, throwError, type Observable } from 'rxjs';

interface Order {
  readonly id: string;
  readonly customer: string;
  readonly total: number;
}

@Injectable()
export class Parameters {
  // #region parameters
  @JsConsumer({
    stream: 'ORDERS',
    durable: 'audit',
    filterSubjects: ['orders.*.placed', 'orders.*.cancelled'],
  })
  audit(
    @Payload('id') id: string,
    @JsSubject(1) region: string,
    @JsHeaders('Trace-Id') trace: string | undefined,
    @JsMetadata() { streamSequence, timestamp }: MessageMetadata,
  ): void {
    this.log.push({ id, region, trace, streamSequence, timestamp });
  }
  // #endregion

  private readonly log: object[] = [];
}

class Unreachable extends Error {
  readonly retryAfter = 60_000;
}

class UnknownCustomer extends Error {}

@Injectable()
export class Retries {
  // #region retry
  @JsConsumer({
    stream: 'ORDERS',
    durable: 'shipping',
    ackWait: 30_000,
    retry: { maxDeliver: 5, backoff: [1_000, 5_000, 30_000] },
    deadLetter: true,
  })
  async ship(@Payload() order: Order): Promise<void> {
    try {
      await this.carrier.book(order);
    } catch (error) {
      // Not the backoff of this delivery, but when the carrier says.
      if (error instanceof Unreachable) throw new RetryMessage(error.retryAfter);
      // No retry can help.
      if (error instanceof UnknownCustomer) throw new TerminateMessage(`no customer ${order.customer}`);
      throw error;
    }
  }
  // #endregion

  // #region manual
  @JsConsumer({ stream: 'ORDERS', durable: 'export', ackMode: 'manual' })
  async export(@Payload() order: Order, @Ctx() context: JetStreamContext): Promise<void> {
    await this.carrier.book(order);
    await context.doubleAck();
  }
  // #endregion

  private readonly carrier = { book: (_order: Order): Promise<void> => Promise.resolve() };
}

@Injectable()
export class TenantGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    return context.switchToRpc().getContext<JetStreamContext>().headers?.has('Tenant') ?? false;
  }
}

@Injectable()
export class TimingInterceptor implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(tap());
  }
}

export class ReportFilter implements ExceptionFilter {
  catch(error: unknown, _host: ArgumentsHost): Observable<never> {
    return throwError(() => error);
  }
}

// #region initial-values
@Injectable()
export class Flags {
  private readonly flags = new Map<string, boolean>();

  @KvWatch('flags', { waitForInitialValues: true })
  onFlag(@Payload() value: boolean | null, @Ctx() { key }: KvContext): void {
    if (value === null) this.flags.delete(key);
    else this.flags.set(key, value);
  }

  isOn(flag: string): boolean {
    return this.flags.get(flag) ?? false;
  }

  @OnJetStreamEvent('bucket-recreated')
  onRecreated(event: JetStreamEvent): void {
    if (event.type === 'bucket-recreated' && event.source === 'flags') this.flags.clear();
  }
}
// #endregion

// #region pipeline
export class OrderDto {
  @IsString()
  readonly id!: string;

  @IsPositive()
  readonly total!: number;
}

@Injectable()
@UseFilters(ReportFilter)
export class Payments {
  @JsConsumer({ stream: 'ORDERS', durable: 'payments', filterSubjects: 'orders.*.placed', deadLetter: true })
  @UseGuards(TenantGuard)
  @UseInterceptors(TimingInterceptor)
  async pay(@Payload(new ValidationPipe({ transform: true })) order: OrderDto): Promise<void> {
    await this.bank.charge(order);
  }

  private readonly bank = { charge: (_order: OrderDto): Promise<void> => Promise.resolve() };
}
// #endregion

interface Profile {
  readonly name: string;
}

@Injectable()
export class Profiles {
  private readonly cache = new Map<string, Profile>();

  // #region kv-watch
  @KvWatch('profiles', { keys: 'sue.*' })
  onProfile(@Payload() profile: Profile | null, @Ctx() { key }: KvContext): void {
    if (profile === null) this.cache.delete(key);
    else this.cache.set(key, profile);
  }
  // #endregion
}
