import { Module } from '@nestjs/common';
import { HandlersModule } from '../handlers/index.js';
import { JetStreamHealth } from './jetstream-health.js';
import { JetStreamHealthIndicator } from './jetstream-health.indicator.js';

/**
 * Provides {@link JetStreamHealth}, and {@link JetStreamHealthIndicator} for `@nestjs/terminus`, for all connections of
 * the application. Import it in the module that has the health controller.
 */
@Module({
  imports: [HandlersModule],
  providers: [JetStreamHealth, JetStreamHealthIndicator],
  exports: [JetStreamHealth, JetStreamHealthIndicator],
})
export class JetStreamHealthModule {}
