import { type DynamicModule, Module } from '@nestjs/common';
import { JetStreamModule } from 'nestjs-nats-jetstream';
import { AirportBoard } from './airport-board.js';
import { DelayCounter } from './delay-counter.js';
import { FlightDataset } from './flight-dataset.js';
import { FlightPublisher } from './flight-publisher.js';
import { FlightsRun } from './flights-run.js';
import { Progress } from './progress.js';
import { ReportArchive } from './report-archive.js';
import { RunFigures } from './run-figures.js';

@Module({
  imports: [
    JetStreamModule.forFeature({
      streams: [{ name: 'FLIGHTS', subjects: ['flights.*.*'] }],
      keyValues: [{ bucket: 'airport-delays', description: 'Delays by airport of departure' }],
      objectStores: [{ bucket: 'flight-reports' }],
    }),
  ],
  providers: [
    AirportBoard,
    DelayCounter,
    FlightDataset,
    FlightPublisher,
    FlightsRun,
    Progress,
    ReportArchive,
    RunFigures,
  ],
})
export class AppModule {
  /** @param connect `false`: starts without a server */
  static on(servers: string, connect = true): DynamicModule {
    return {
      module: AppModule,
      imports: [JetStreamModule.forRoot({ connection: { servers }, connect, bootSummary: 'account' })],
    };
  }
}
