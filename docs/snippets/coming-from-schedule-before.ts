import { Injectable, Module } from '@nestjs/common';
import { Cron, CronExpression, Interval, ScheduleModule, SchedulerRegistry, Timeout } from '@nestjs/schedule';

// #region module
@Module({
  imports: [ScheduleModule.forRoot()],
  providers: [],
})
export class AppModule {}
// #endregion

@Injectable()
export class Jobs {
  readonly ran: string[] = [];

  // #region cron
  @Cron('0 0 6 * * *', { name: 'daily', timeZone: 'Europe/Amsterdam' })
  daily(): void {
    this.ran.push('daily');
  }

  @Cron(CronExpression.EVERY_HOUR, { waitForCompletion: true })
  hourly(): void {
    this.ran.push('hourly');
  }
  // #endregion

  // #region interval
  @Interval(30_000)
  poll(): void {
    this.ran.push('poll');
  }

  @Timeout(5_000)
  warmUp(): void {
    this.ran.push('warm-up');
  }
  // #endregion

  // #region registry
  constructor(private readonly registry: SchedulerRegistry) {}

  stop(): void {
    void this.registry.getCronJob('daily').stop();
  }

  async runNow(): Promise<void> {
    await this.registry.getCronJob('daily').fireOnTick();
  }
  // #endregion
}
