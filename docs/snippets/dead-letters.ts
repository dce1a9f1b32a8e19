import {
  Catch,
  Controller,
  Delete,
  Get,
  Injectable,
  NotFoundException,
  Param,
  ParseIntPipe,
  Post,
  Query,
  UseFilters,
  type ArgumentsHost,
} from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  DEAD_LETTER_STREAM,
  DeadLetterContext,
  DeadLetterNotFoundError,
  DeadLetterReason,
  DeadLetters,
  InjectDeadLetters,
  JetStreamModule,
  JsConsumer,
  OnDeadLetter,
  type DeadLetterPage,
} from 'nestjs-nats-jetstream';

interface Order {
  readonly id: string;
}

@Injectable()
export class Billing {
  // #region handler
  @JsConsumer({ stream: 'ORDERS', durable: 'billing', deadLetter: true })
  async bill(@Payload() order: Order): Promise<void> {
    await this.bank.charge(order);
  }
  // #endregion

  private readonly bank = { charge: (_order: Order): Promise<void> => Promise.resolve() };
}

// #region service
@Catch(DeadLetterNotFoundError)
class NotFoundFilter extends BaseExceptionFilter {
  override catch(error: DeadLetterNotFoundError, host: ArgumentsHost): void {
    super.catch(new NotFoundException(error.message, { cause: error }), host);
  }
}

@Controller('dead-letters')
@UseFilters(NotFoundFilter)
export class DeadLettersController {
  constructor(private readonly deadLetters: DeadLetters) {}

  @Get()
  list(@Query('after', new ParseIntPipe({ optional: true })) after?: number): Promise<DeadLetterPage> {
    return this.deadLetters.page({ stream: 'ORDERS' }, { limit: 50, after });
  }

  @Post(':sequence/replay')
  replay(@Param('sequence', ParseIntPipe) sequence: number): Promise<void> {
    return this.deadLetters.replay(sequence);
  }

  @Delete(':sequence')
  drop(@Param('sequence', ParseIntPipe) sequence: number): Promise<void> {
    return this.deadLetters.drop(sequence);
  }
}
// #endregion

@Injectable()
export class Repairs {
  constructor(@InjectDeadLetters('analytics') private readonly deadLetters: DeadLetters) {}

  // #region bulk
  /** Call this after a bug in billing was fixed: it bills only the messages that have failed since then. */
  async catchUp(since: Date): Promise<string> {
    const { replayed, failed } = await this.deadLetters.replayAll(
      { handler: 'Billing.bill', since },
      { to: 'handler' },
    );
    return `${replayed} billed, ${failed.map(({ letter }) => letter.sequence).join(', ')} failed again`;
  }

  /** Invalid payloads can never be handled. */
  dropInvalid(): Promise<number> {
    return this.deadLetters.dropAll({ reason: DeadLetterReason.InvalidPayload });
  }
  // #endregion
}

@Injectable()
export class Alerts {
  // #region on-dead-letter
  @OnDeadLetter({ stream: 'ORDERS' })
  async onDeadLetter(
    @Payload() order: Order | undefined,
    @Ctx() { deadLetter }: DeadLetterContext,
  ): Promise<void> {
    const { handler, subject, reason, error } = deadLetter;
    await this.pager.alert(
      `${handler} gave up ${order ? `order ${order.id}` : subject}: ${reason}, ${error}`,
    );
  }
  // #endregion

  private readonly pager = { alert: (_text: string): Promise<void> => Promise.resolve() };
}

// #region stream
JetStreamModule.forFeature({
  streams: [
    {
      name: DEAD_LETTER_STREAM,
      subjects: ['dead-letters.>'],
      maxAge: 30 * 24 * 3_600_000,
      replicas: 3,
      allowDirect: true,
    },
  ],
});
// #endregion
