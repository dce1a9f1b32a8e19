/** The view `schedules`. */
export interface SchedulesView {
  readonly rows: readonly ScheduleRow[];
}

export interface ScheduleRow {
  readonly name: string;
  readonly handler: string;
  readonly application: string;
  readonly connection: string;
  readonly stream: string;
  readonly cron?: string;
  readonly timeZone?: string;
  readonly every?: number;
  readonly at?: string;
  readonly engine?: string;
  readonly paused: boolean;
  readonly nextDueTime?: string;
  readonly lastRun?: {
    readonly dueTime: string;
    readonly trigger: string;
    readonly attempt: number;
    readonly startedAt: string;
    readonly endedAt: string;
    readonly outcome: 'succeeded' | 'failed';
    /** Absent if payloads are masked. */
    readonly error?: string;
  };
}
