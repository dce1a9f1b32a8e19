import type { FlightReport } from './flight-report.js';
import { BUSY } from './flight-report.js';
import { LATE } from './airport-delays.js';
import type { RunFigures } from './run-figures.js';

/** The two tables that end a run. */
export function summaryTable(report: FlightReport, figures: RunFigures): string {
  const perSecond = figures.consumed / figures.elapsed;
  return [
    '',
    table(
      ['', 'this run', 'all runs'],
      [
        ['records published', count(figures.published), count(report.published)],
        ['records consumed', count(figures.consumed), count(report.consumed)],
        ['redelivered', count(figures.redelivered), ''],
        ['lost', '', count(report.lost)],
        ['consumed per second', count(perSecond), ''],
      ],
    ),
    '',
    `Ten worst airports of those with at least ${BUSY} departures`,
    '',
    table(
      ['airport', 'departures', 'mean delay', `${LATE} min late`],
      report.worst.map(({ airport, flights, meanDelay, late }) => [
        airport,
        count(flights),
        `${meanDelay.toFixed(1)} min`,
        `${((late * 100) / flights).toFixed(0)} %`,
      ]),
    ),
    '',
    `${count(report.published)} published, ${count(report.consumed)} consumed, ${count(report.lost)} lost`,
  ].join('\n');
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((_, column) => Math.max(...[header, ...rows].map((row) => row[column].length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column])))
      .join('   ');
  return [line(header), line(widths.map((width) => '─'.repeat(width))), ...rows.map(line)].join('\n');
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
