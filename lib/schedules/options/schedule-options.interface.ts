import type { IdempotenceOptions, PullJsConsumerOptions } from '../../consuming/index.js';
import type { StorageType } from '../../jetstream/index.js';

/** When a schedule is due. */
export type ScheduleTime =
  /**
   * A cron expression of six fields: second, minute, hour, day of the month, month, day of the week. Lists, ranges,
   * steps and the English names of months and days are allowed, and the shorthands `@yearly`, `@monthly`, `@weekly`,
   * `@daily` and `@hourly`.
   */
  | string
  | {
      /** The interval in milliseconds: whole seconds, at least 1,000. It begins when the schedule is first declared. */
      readonly every: number;
    }
  | {
      /** Once, at this time. If it has passed when the schedule is first declared, it never runs. */
      readonly at: Date;
    };

/**
 * What happens to due times at which no instance of the application was connected for more than a few seconds: one run,
 * for the latest of them, or none.
 */
export type ScheduleCatchUp = 'one' | 'none';

/** What happens when a run is due before the previous one has ended, on any instance. */
export type ScheduleOverlap = 'skip' | 'allow' | 'queue';

/** The stream that stores the runs of schedules; a bucket of the same name stores their state. */
export interface ScheduleStreamOptions {
  /** The name of the stream and of the bucket: letters, digits, `-` and `_`. Default `SCHEDULES`. */
  readonly name?: string | undefined;
  /** The number of servers that store a copy of each, 1 to 5, when they are created. Default 1. */
  readonly replicas?: number | undefined;
  /** The storage of both, when they are created. Default `file`. */
  readonly storage?: StorageType | undefined;
}

/** Options of all schedules on a connection: the module option `schedules`. */
export interface ScheduleDefaults {
  /**
   * The application to which the schedules belong. Applications that share a stream must have different names: an
   * application removes schedules that it no longer declares. Default `default`.
   */
  readonly application?: string | undefined;
  readonly stream?: ScheduleStreamOptions | undefined;
}

/** Options of {@link JsSchedule}. Durations in milliseconds. */
export interface ScheduleOptions extends Pick<
  PullJsConsumerOptions,
  'ackWait' | 'connection' | 'deadLetter' | 'enabled' | 'maxProcessingTime' | 'retry' | 'settlement'
> {
  /**
   * The name of the schedule, which also names its consumer: letters, digits, `-` and `_`, and `.` between them.
   * Default: class and method, such as `Reports.daily`.
   */
  readonly name?: string | undefined;
  /** The IANA time zone of a cron expression, such as `Europe/Amsterdam`. Default `UTC`. */
  readonly timeZone?: string | undefined;
  /** Default `one`. */
  readonly catchUp?: ScheduleCatchUp | undefined;
  /**
   * `skip`: a run that is due while the previous one runs or is retried is left out. `queue`: it starts when the
   * previous one has ended. `allow`: both run at once. Default `skip`.
   */
  readonly overlap?: ScheduleOverlap | undefined;
  /** How many runs this instance handles at once, with `overlap: 'allow'`. Default 10. */
  readonly concurrency?: number | undefined;
  /** Runs the method once per due time, also if a message is delivered twice. Default: disabled. */
  readonly idempotent?: Omit<IdempotenceOptions, 'key'> | undefined;
  /** Default: the module's `schedules.stream`. */
  readonly stream?: ScheduleStreamOptions | undefined;
}
