import { readFile } from 'node:fs/promises';
import { Injectable } from '@nestjs/common';
import type { Flight } from './flight.js';

/** Twenty thousand real flights, from the package `vega-datasets`. */
@Injectable()
export class FlightDataset {
  async load(): Promise<readonly Flight[]> {
    const file = new URL('../data/flights-20k.json', import.meta.resolve('vega-datasets'));
    return JSON.parse(await readFile(file, 'utf8')) as Flight[];
  }
}
