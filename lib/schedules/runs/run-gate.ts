import { Logger } from '@nestjs/common';
import { type CompiledHandler, finalResult } from '../../consuming/index.js';
import type { JetStreamMessage } from '../../jetstream/index.js';
import { errorText } from '../../reporting/index.js';
import type { TimesOf } from '../expression/index.js';
import type { DeclaredSchedule } from '../options/index.js';
import { type Gap, KEYS, type LastRunRecord, type ScheduleStore } from '../storage/index.js';
import { isLeftOut } from './missed.js';
import type { RunReader } from './run-reader.js';
import type { ScheduledRun } from './scheduled-run.js';

/** The times in which instances of the application were not connected. */
export interface KnownGaps {
  /** The gaps in which a due time may lie; none for a recent one. */
  gapsFor(due: number): Promise<readonly Gap[]>;
}

/** The longest stored text of an error. */
const LONGEST_ERROR = 500;

/**
 * Decides whether a run that arrives at this instance takes place, and stores how it ended. A run that is left out is
 * acknowledged.
 */
export class RunGate {
  private readonly logger = new Logger('Schedules');

  constructor(
    private readonly schedule: Pick<DeclaredSchedule, 'name' | 'timing' | 'catchUp' | 'overlap'>,
    private readonly reader: RunReader,
    private readonly timesOf: TimesOf,
    private readonly store: ScheduleStore,
    private readonly attendance: KnownGaps,
  ) {}

  around(next: CompiledHandler<JetStreamMessage>): CompiledHandler<JetStreamMessage> {
    return async (message) => {
      const run = this.reader.read(message);
      const reason = run.trigger === 'schedule' ? await this.reasonToLeaveOut(run) : undefined;
      if (reason !== undefined) {
        this.logger.log(
          `${run.schedule}: the run of ${run.dueTime.toISOString()} is left out, because ${reason}`,
        );
        return undefined;
      }
      const startedAt = Date.now();
      try {
        const result = await finalResult(next(message));
        if (!message.settled) await this.ended(run, startedAt, { outcome: 'succeeded' });
        return result;
      } catch (error) {
        const text = errorText(error).slice(0, LONGEST_ERROR);
        await this.ended(run, startedAt, { outcome: 'failed', error: text });
        throw error;
      }
    };
  }

  private async reasonToLeaveOut(run: ScheduledRun): Promise<string | undefined> {
    const { name, timing, catchUp, overlap } = this.schedule;
    const due = run.dueTime.getTime();
    const { value: record } = await this.store.schedule(name);
    const pause = record?.pause;
    if (pause !== undefined && due > pause.from && due <= (pause.to ?? Infinity))
      return 'the schedule was paused';
    const gaps = await this.attendance.gapsFor(due);
    if (isLeftOut(due, this.timesOf(timing, due), gaps, catchUp)) {
      return 'no instance of the application was connected at that time';
    }
    if (overlap !== 'skip') return undefined;
    const { value: last, stored: endedAt } = await this.store.lastRun(name);
    const isOther = last !== undefined && (last.trigger !== 'schedule' || last.dueTime !== due);
    // The previous run was in progress from when it was stored until its outcome was. Runs that a new leader publishes
    // late, all at once, do not overlap by that: they were due before.
    const overlaps = isOther && last.firedAt < due && endedAt > run.firedAt.getTime();
    return overlaps ? 'the previous run had not ended' : undefined;
  }

  /** A failure to store the outcome is reported: the run itself has ended. */
  private async ended(
    run: ScheduledRun,
    startedAt: number,
    ending: Pick<LastRunRecord, 'outcome' | 'error'>,
  ): Promise<void> {
    const record: LastRunRecord = {
      dueTime: run.dueTime.getTime(),
      trigger: run.trigger,
      attempt: run.attempt,
      firedAt: run.firedAt.getTime(),
      startedAt,
      ...ending,
    };
    try {
      await this.store.write(KEYS.last(run.schedule), record);
    } catch (failure) {
      this.logger.warn(
        `${run.schedule}: the outcome of the run of ${run.dueTime.toISOString()} could not be stored, so ` +
          `Schedules.list shows an earlier one: ${errorText(failure)}`,
      );
    }
  }
}
