import { Injectable, Module, type OnApplicationBootstrap } from '@nestjs/common';
import { JetStreamModule, JsSchedule, Schedules } from 'nestjs-nats-jetstream';

// #region module
@Module({
  imports: [JetStreamModule.forRoot({ connection: { servers: process.env.NATS_URL ?? 'localhost:4222' } })],
  providers: [],
})
export class AppModule {}
// #endregion

@Injectable()
export class Jobs implements OnApplicationBootstrap {
  readonly ran: string[] = [];

  // #region cron
  @JsSchedule('0 0 6 * * *', { name: 'daily', timeZone: 'Europe/Amsterdam', overlap: 'allow' })
  daily(): void {
    this.ran.push('daily');
  }

  @JsSchedule('@hourly')
  hourly(): void {
    this.ran.push('hourly');
  }
  // #endregion

  // #region interval
  @JsSchedule({ every: 30_000 })
  poll(): void {
    this.ran.push('poll');
  }

  onApplicationBootstrap(): void {
    setTimeout(() => this.ran.push('warm-up'), 5_000).unref();
  }
  // #endregion

  // #region registry
  constructor(private readonly schedules: Schedules) {}

  async stop(): Promise<void> {
    await this.schedules.pause('daily');
  }

  async runNow(): Promise<void> {
    await this.schedules.runNow('daily');
  }
  // #endregion
}
