import type { RunTrigger } from '../storage/index.js';

/** One run of a schedule. */
export interface ScheduledRun {
  /** The name of the schedule. */
  readonly schedule: string;
  /**
   * The time for which the run was planned; for a run of `Schedules.runNow`, when it was requested. It is the same in
   * each attempt.
   */
  readonly dueTime: Date;
  /** When the run was stored in the stream. After downtime, or a change of the leader, it is later than `dueTime`. */
  readonly firedAt: Date;
  /** The number of the attempt, from 1. */
  readonly attempt: number;
  /** Whether the run belongs to the schedule, was requested by `Schedules.runNow`, or planned by `Schedules.at`. */
  readonly trigger: RunTrigger;
  /** The id of a run of `Schedules.runNow` or `Schedules.at`; `undefined` for others. */
  readonly id: string | undefined;
}
