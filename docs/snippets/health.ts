// #region imports
import { Controller, Get, Injectable, Module, ServiceUnavailableException } from '@nestjs/common';
import { HealthCheck, HealthCheckService, TerminusModule, type HealthCheckResult } from '@nestjs/terminus';
import { JetStreamService } from 'nestjs-nats-jetstream';
import {
  JetStreamHealth,
  JetStreamHealthIndicator,
  JetStreamHealthModule,
  type HealthReport,
} from 'nestjs-nats-jetstream/health';
// #endregion

// #region status
@Injectable()
export class Ping {
  constructor(private readonly jetstream: JetStreamService) {}

  async server(): Promise<string> {
    const { state, server, reconnects } = this.jetstream.status;
    if (state !== 'connected') return `${state}, last server ${server?.name}`;
    const rtt = await this.jetstream.rtt({ timeout: 500 });
    return `${server?.name} (${server?.version}) answers in ${rtt} ms after ${reconnects} reconnects`;
  }
}
// #endregion

// #region terminus
@Controller('health')
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly jetstream: JetStreamHealthIndicator,
  ) {}

  @Get('live')
  @HealthCheck()
  live(): Promise<HealthCheckResult> {
    return this.health.check([() => this.jetstream.liveness('handlers')]);
  }

  @Get('ready')
  @HealthCheck()
  ready(): Promise<HealthCheckResult> {
    return this.health.check([
      () => this.jetstream.connection('nats', { maxRtt: 500 }),
      () => this.jetstream.handlers('handlers', { stalledAfter: 60_000, maxPending: 100_000 }),
      () => this.jetstream.resources('resources', { streams: ['ORDERS'], usedStorage: 0.9 }),
    ]);
  }
}

@Module({ imports: [TerminusModule, JetStreamHealthModule], controllers: [HealthController] })
export class HealthModule {}
// #endregion

// #region plain
@Controller('health')
export class PlainHealthController {
  constructor(private readonly health: JetStreamHealth) {}

  @Get('live')
  live(): HealthReport {
    return healthy(this.health.liveness());
  }

  @Get('ready')
  async ready(): Promise<HealthReport> {
    return healthy(await this.health.handlers({ stalledAfter: 60_000 }));
  }
}

function healthy(report: HealthReport): HealthReport {
  if (report.status === 'down') throw new ServiceUnavailableException(report);
  return report;
}

@Module({ imports: [JetStreamHealthModule], controllers: [PlainHealthController] })
export class PlainHealthModule {}
// #endregion

export async function thresholds(jetstream: JetStreamHealthIndicator): Promise<unknown> {
  // #region thresholds
  return jetstream.handlers('handlers', {
    stalledAfter: 30_000,
    maxPending: 10_000,
    handlers: {
      'Reports.build': { stalledAfter: 1_800_000 },
      'Archive.onOrder': { maxPending: 5_000_000 },
      'Experiments.onOrder': { ignore: true },
    },
  });
  // #endregion
}
