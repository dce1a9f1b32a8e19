import type { RunTrigger, ScheduleEngine } from './storage/index.js';

/** The last ended run of a schedule. */
export interface LastScheduledRun {
  readonly dueTime: Date;
  readonly trigger: RunTrigger;
  /** The attempt that ended last, from 1. */
  readonly attempt: number;
  readonly startedAt: Date;
  readonly endedAt: Date;
  readonly outcome: 'succeeded' | 'failed';
  /** The text of the error, if it failed. */
  readonly error: string | undefined;
}

/** A schedule, as `Schedules.list` reports it. */
export interface ScheduleInfo {
  readonly name: string;
  /** Class and method. */
  readonly handler: string;
  /** The application that declares it. */
  readonly application: string;
  readonly connection: string;
  readonly stream: string;
  /** The cron expression as it was declared; `undefined` for other schedules. */
  readonly cron: string | undefined;
  /** The time zone of the cron expression. */
  readonly timeZone: string | undefined;
  /** The interval in milliseconds; `undefined` for other schedules. */
  readonly every: number | undefined;
  /** The single time; `undefined` for other schedules. */
  readonly at: Date | undefined;
  /** The engine that publishes its runs; `undefined` before the first leader has chosen it. */
  readonly engine: ScheduleEngine | undefined;
  readonly paused: boolean;
  /** `undefined` if it is paused, or not due again. */
  readonly nextDueTime: Date | undefined;
  /** `undefined` before the first run has ended. */
  readonly lastRun: LastScheduledRun | undefined;
}
