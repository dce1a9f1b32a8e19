import { Controller, Get, Injectable, Logger, Module, Param, Post } from '@nestjs/common';
import {
  JetStreamInstances,
  type JetStreamEvent,
  JetStreamModule,
  OnJetStreamEvent,
} from 'nestjs-nats-jetstream';

// #region module
@Module({
  imports: [
    JetStreamModule.forRoot({
      connection: { servers: 'nats://localhost:4222' },
      discovery: { name: 'billing', version: '1.4.0', metadata: { region: 'eu-west' } },
    }),
  ],
})
export class AppModule {}
// #endregion

// #region list
@Controller('instances')
export class InstancesController {
  constructor(private readonly instances: JetStreamInstances) {}

  @Get()
  async list(): Promise<object> {
    const { instances, skipped } = await this.instances.list({ timeout: 1_000 });
    return {
      skipped,
      instances: instances.map(({ id, version, endpoints }) => ({
        id,
        version,
        handlers: endpoints.map(({ subject, requests, errors, handler }) => ({
          handler: handler?.handler,
          subject,
          requests,
          errors,
          status: handler?.status,
          lag: handler?.lag,
        })),
      })),
    };
  }
}
// #endregion

// #region control
@Controller('operations')
export class OperationsController {
  private readonly logger = new Logger(OperationsController.name);

  constructor(private readonly instances: JetStreamInstances) {}

  @Post('pause/:handler')
  async pauseEverywhere(@Param('handler') handler: string): Promise<void> {
    const results = await this.instances.pause(handler, { name: 'billing', by: 'operations' });
    for (const { id, error } of results) {
      if (error) this.logger.error(`${handler} was not paused on ${id}: ${error.message}`);
    }
  }
}
// #endregion

// #region audit
@Injectable()
export class Audit {
  private readonly logger = new Logger(Audit.name);

  @OnJetStreamEvent('handler-controlled')
  record(event: JetStreamEvent): void {
    if (event.type !== 'handler-controlled') return;
    this.logger.log(`${event.by ?? 'unknown'}: ${event.action} ${event.handler}`);
  }
}
// #endregion
