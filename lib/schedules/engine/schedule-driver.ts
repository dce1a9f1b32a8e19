import { RevisionMismatchError, WrongLastSequenceError } from '../../errors/index.js';
import type { PubAck, StoredMessage } from '../../jetstream/index.js';
import { sleep } from '../../timing/index.js';
import type { DueTimes, TimesOf } from '../expression/index.js';
import { gapAround, isLeftOut, patternText, RunReader } from '../runs/index.js';
import {
  KEYS,
  SCHEDULE_HEADERS,
  type ScheduleEngine,
  type ScheduleRecord,
  type ScheduleStore,
  ScheduleSubjects,
} from '../storage/index.js';
import type { Attendance } from './attendance.js';
import { samePlan, schedulePlan } from './schedule-plan.js';

/** The last run of a schedule that is stored: its due time, and its sequence in the stream; 0 if there is none. */
interface Position {
  readonly due: number;
  readonly sequence: number;
}

/** How long before its time the server gets the instruction for a single run, in milliseconds. */
const LEAD = 1_000;

/** Makes the runs of one schedule happen, while its instance leads. */
export class ScheduleDriver {
  private readonly subjects: ScheduleSubjects;
  private readonly reader: RunReader;

  constructor(
    private readonly record: ScheduleRecord,
    private readonly engine: ScheduleEngine,
    private readonly store: ScheduleStore,
    private readonly attendance: Attendance,
    private readonly timesOf: TimesOf,
  ) {
    this.subjects = new ScheduleSubjects(store.name, record.name);
    this.reader = new RunReader(record.name, record.timing, timesOf);
  }

  /** Resolves when nothing more is to be done for this record, or the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { pause } = this.record;
    await this.storeEngine();
    if (pause !== undefined && pause.to === undefined) return this.removePlan();
    if (this.engine === 'leader') {
      await this.removePlan();
      return this.publishRuns(Infinity, signal);
    }
    const stored = await this.store.lastMessage(this.subjects.plan);
    const wanted = schedulePlan(this.record, this.subjects);
    if (stored !== undefined && samePlan(stored, wanted)) return;
    // The server does not publish runs that were due before it has the instruction.
    const isSingle = this.record.timing.kind === 'at';
    await this.publishRuns(Date.now() + (isSingle ? LEAD : 0), signal);
    if (signal.aborted || (isSingle && this.isOver)) return;
    await this.store.jetstream.publishUnchanged(wanted.subject, '', wanted.options);
  }

  private get isOver(): boolean {
    const { timing } = this.record;
    return timing.kind === 'at' && timing.at <= Date.now() + LEAD;
  }

  /** Stores the engine in the record of the schedule: only the leader does, and only if the record was not changed. */
  private async storeEngine(): Promise<void> {
    const { name } = this.record;
    const { value, revision } = await this.store.schedule(name);
    if (value === undefined || value.engine === this.engine) return;
    try {
      await this.store.write(KEYS.schedule(name), { ...value, engine: this.engine }, revision);
    } catch (error) {
      // The changed record arrives, and another driver takes over.
      if (!(error instanceof RevisionMismatchError)) throw error;
    }
  }

  private async removePlan(): Promise<void> {
    const { plan } = this.subjects;
    if ((await this.store.lastMessage(plan)) === undefined) return;
    await (await this.store.stream()).purge({ subject: plan });
  }

  /**
   * Publishes all runs that are due until an instant, each at its time; those of the past at once, except those that are
   * left out. It continues after the last run that is stored by any leader or server.
   */
  private async publishRuns(until: number, signal: AbortSignal): Promise<void> {
    let position = await this.position();
    const times = this.timesOf(this.record.timing, this.begin(position));
    while (!signal.aborted) {
      const due = times.next(this.begin(position));
      if (due === undefined || due > until) return;
      await sleep(due - this.attendance.now, signal, { keepsAlive: false });
      if (signal.aborted) return;
      const skipped = await this.leftOutUntil(due, times);
      position = skipped === undefined ? await this.publish(due, position) : { ...position, due: skipped };
    }
  }

  /** The instant after which due times are not published yet. */
  private begin({ due }: Position): number {
    return Math.max(due, this.record.since);
  }

  /** The end of the due times that are left out, from this one on; `undefined` if it is not. */
  private async leftOutUntil(due: number, times: DueTimes): Promise<number | undefined> {
    const gaps = await this.attendance.gapsFor(due);
    const { catchUp } = this.record;
    const gap = gapAround(due, gaps);
    if (gap === undefined || !isLeftOut(due, times, gaps, catchUp)) return undefined;
    const last = times.latest(gap.to);
    return catchUp === 'none' || last === undefined ? gap.to : last - 1;
  }

  /**
   * Publishes a run, if the last stored run is still the known one. So of two leaders, of which one has not noticed yet
   * that it no longer leads, only one publishes it.
   */
  private async publish(due: number, { sequence }: Position): Promise<Position> {
    const { name, timing } = this.record;
    const time = new Date(due).toISOString();
    let ack: PubAck;
    try {
      ack = await this.store.jetstream.publishUnchanged(this.subjects.due, '', {
        messageId: `${name}.${time}`,
        expect: { lastSubjectSequence: sequence },
        headers: {
          [SCHEDULE_HEADERS.name]: name,
          [SCHEDULE_HEADERS.dueTime]: time,
          [SCHEDULE_HEADERS.pattern]: patternText(timing),
          ...(timing.kind === 'cron' && { [SCHEDULE_HEADERS.timeZone]: timing.timeZone }),
        },
      });
    } catch (error) {
      if (error instanceof WrongLastSequenceError) return this.position();
      throw error;
    }
    return { due, sequence: ack.sequence };
  }

  private async position(): Promise<Position> {
    const last = await this.store.lastMessage(this.subjects.due);
    return last === undefined ? { due: 0, sequence: 0 } : { due: this.dueOf(last), sequence: last.sequence };
  }

  private dueOf({ subject, headers, time }: StoredMessage): number {
    return this.reader.readMessage({ subject, headers, stored: time }).dueTime.getTime();
  }
}
