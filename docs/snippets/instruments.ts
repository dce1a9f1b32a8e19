// #region imports
import { Injectable, Logger, Module } from '@nestjs/common';
import {
  type CallResult,
  type Ending,
  type HandlerInstrument,
  type JetStreamInstrument,
  JetStreamInstruments,
  JetStreamModule,
  type ObservedCall,
  type ObservedDelivery,
  type ObservedHandler,
  type ObservedOperation,
  type OperationInstrument,
} from 'nestjs-nats-jetstream';
import { JetStreamServer } from 'nestjs-nats-jetstream/microservice';
// #endregion

// #region instrument
/** Logs messages that took longer than a second, and publishes that failed. */
@Injectable()
export class SlowLog implements JetStreamInstrument {
  private readonly logger = new Logger(SlowLog.name);

  constructor(instruments: JetStreamInstruments) {
    instruments.register(this);
  }

  handler({ handler, form }: ObservedHandler): HandlerInstrument | undefined {
    if (form === 'kv-watch' || form === 'object-watch') return undefined;
    return {
      ended: ({ subject }: ObservedDelivery, { outcome, duration }: Ending) => {
        if (duration > 1_000)
          this.logger.warn(`${handler}: ${subject} was ${outcome} after ${Math.round(duration)} ms`);
      },
    };
  }

  operation({ kind }: ObservedOperation): OperationInstrument | undefined {
    if (kind !== 'publish') return undefined;
    return {
      ended: ({ target }: ObservedCall, { error }: CallResult) => {
        if (error instanceof Error) this.logger.warn(`publish to ${target} failed: ${error.message}`);
      },
    };
  }
}
// #endregion

// #region for-root
const audit: JetStreamInstrument = {
  operation: ({ kind }) =>
    kind === 'dead-letter'
      ? { ended: ({ target, reason }) => Logger.log(`dead letter of ${target}: ${reason}`, 'Audit') }
      : undefined,
};

@Module({ imports: [JetStreamModule.forRoot({ instruments: [audit] })] })
export class AppModule {}
// #endregion

// #region microservice
export const strategy = new JetStreamServer({
  name: 'billing',
  connection: { servers: 'nats://localhost:4222' },
  instruments: [audit],
});
// #endregion
