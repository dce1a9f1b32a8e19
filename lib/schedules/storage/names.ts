/** The stream of schedules, and the bucket with their state, unless options name others. */
export const SCHEDULE_STREAM = 'SCHEDULES';

/** The headers of the runs of schedules. */
export const SCHEDULE_HEADERS = {
  /** The name of the schedule. */
  name: 'Schedule-Name',
  /** When the run is due, in RFC 3339. The runs that the server publishes have `Nats-Schedule-Next` instead. */
  dueTime: 'Schedule-Due-Time',
  /** The cron pattern or interval by which the run was planned. */
  pattern: 'Schedule-Pattern',
  /** The time zone of the pattern. */
  timeZone: 'Schedule-Time-Zone',
  /** The id of a run that was planned with `Schedules.at`, or requested with `Schedules.runNow`. */
  runId: 'Schedule-Run-Id',
} as const;

/** The subjects of one schedule in its stream. */
export class ScheduleSubjects {
  constructor(
    private readonly stream: string,
    private readonly name: string,
  ) {}

  /** All runs. */
  get runs(): string {
    return `${this.stream}.run.${this.name}.*`;
  }

  /** The runs at due times. */
  get due(): string {
    return `${this.stream}.run.${this.name}.due`;
  }

  /** The runs that were requested for this moment. */
  get now(): string {
    return `${this.stream}.run.${this.name}.now`;
  }

  /** The runs that were planned for a single time. */
  get at(): string {
    return `${this.stream}.run.${this.name}.at`;
  }

  /** The instruction to the server. */
  get plan(): string {
    return `${this.stream}.plan.${this.name}`;
  }
}

/** The kind of a run, by the last token of its subject. */
export type RunTrigger = 'schedule' | 'now' | 'at';

/** @param subject of a run */
export function triggerOf(subject: string): RunTrigger {
  const last = subject.slice(subject.lastIndexOf('.') + 1);
  return last === 'now' || last === 'at' ? last : 'schedule';
}

/** The subjects of all runs and instructions in a stream. */
export function streamSubjects(stream: string): string[] {
  return [`${stream}.run.>`, `${stream}.plan.>`];
}

/** The keys of the bucket. */
export const KEYS = {
  schedule: (name: string): string => `schedule.${name}`,
  schedules: 'schedule.>',
  last: (name: string): string => `last.${name}`,
  planned: (name: string, id: string): string => `at.${name}.${id}`,
  allPlanned: 'at.>',
  owner: (owner: string): string => `owner.${owner}`,
  leader: (owner: string): string => `leader.${owner}`,
  /** Written to learn the server's time. */
  clock: (owner: string): string => `clock.${owner}`,
} as const;

/** The durable consumer of a schedule: consumers cannot have dots in their names. */
export function durableOf(name: string): string {
  return name.replaceAll('.', '-');
}
