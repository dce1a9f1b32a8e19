import { Injectable, type OnApplicationShutdown, type OnModuleDestroy } from '@nestjs/common';
import { AirportBoard } from './airport-board.js';
import { FlightDataset } from './flight-dataset.js';
import { FlightPublisher } from './flight-publisher.js';
import { type FlightReport, makeReport } from './flight-report.js';
import { Progress } from './progress.js';
import { ReportArchive } from './report-archive.js';

/** The job from start to end, or from the point where it was stopped. */
@Injectable()
export class FlightsRun implements OnModuleDestroy, OnApplicationShutdown {
  private readonly stopping = new AbortController();
  private publishing: Promise<void> = Promise.resolve();

  constructor(
    private readonly dataset: FlightDataset,
    private readonly publisher: FlightPublisher,
    private readonly board: AirportBoard,
    private readonly archive: ReportArchive,
    private readonly progress: Progress,
  ) {}

  /** Publishes what is missing, waits until everything is counted, and keeps the report. */
  async run(): Promise<FlightReport> {
    const flights = await this.dataset.load();
    const counted = this.board.reaches(flights.length);
    this.progress.start(flights.length, this.board.flights);
    this.publishing = this.publisher.publish(flights, this.stopping.signal);
    await this.publishing;
    await counted;
    this.progress.stop();

    const report = makeReport(flights.length, this.board.airports);
    await this.archive.save(report);
    return report;
  }

  /** On Ctrl-C: stops publishing. The module waits for the handlers that are in flight. */
  async onModuleDestroy(): Promise<void> {
    this.stopping.abort();
    await this.publishing;
    this.progress.stop();
  }

  onApplicationShutdown(signal?: string): void {
    if (signal === undefined) return;
    console.log(
      `\n${signal}: ${this.board.flights} flights counted. Start again with the same NATS_URL to continue.`,
    );
  }
}
