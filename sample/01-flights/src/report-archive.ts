import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Injectable } from '@nestjs/common';
import { InjectObjectStore, type ObjectStore } from 'nestjs-nats-jetstream';
import { drawDelays } from './delay-chart.js';
import type { FlightReport } from './flight-report.js';

/** Stores the report in the object store, and on disk so that it can be opened. */
@Injectable()
export class ReportArchive {
  /** The folder of the files on disk. */
  readonly folder = fileURLToPath(new URL('../output/', import.meta.url));

  constructor(@InjectObjectStore('flight-reports') private readonly reports: ObjectStore) {}

  async save(report: FlightReport): Promise<void> {
    await this.put('delays.svg', 'The airports with the longest delays', await drawDelays(report.worst));
    await this.put('delays.json', 'Delays of every airport', JSON.stringify(report, undefined, 2));
  }

  private async put(name: string, description: string, content: string): Promise<void> {
    await this.reports.putString({ name, description }, content);
    await mkdir(this.folder, { recursive: true });
    await writeFile(`${this.folder}${name}`, content);
  }
}
