import { isDeepStrictEqual } from 'node:util';
import { Logger } from '@nestjs/common';
import { ConnectionClosedError } from '../../errors/index.js';
import type { KeyValueEntry } from '../../key-value/index.js';
import { errorText, heldBackText, ReportLimiter } from '../../reporting/index.js';
import { Backoff, sleep } from '../../timing/index.js';
import { prepareTimes } from '../expression/index.js';
import {
  KEYS,
  readPlanned,
  readSchedule,
  type ScheduleEngine,
  type ScheduleRecord,
  type ScheduleStore,
  valueOf,
} from '../storage/index.js';
import type { Attendance } from './attendance.js';
import { chooseEngine } from './engine-choice.js';
import { publishPlanned } from './planned-run.js';
import { removeUndeclared } from './removal.js';
import { ScheduleDriver } from './schedule-driver.js';

/** The pauses between attempts, in milliseconds. */
const PAUSES = { first: 250, longest: 10_000 };
/** How often the leader checks the engine, and whether schedules are still declared, in milliseconds. */
const CHECK_EVERY = 10_000;

/** The work for one schedule or one planned run. */
interface Work {
  /** The reason for which it was started: the same reason does not start it again. */
  readonly about: unknown;
  readonly controller: AbortController;
  readonly ended: Promise<void>;
}

/** Makes the runs of all schedules of an application happen, while its instance leads. */
export class ScheduleLeader {
  private readonly logger = new Logger('Schedules');
  private readonly limiter = new ReportLimiter();
  private readonly work = new Map<string, Work>();
  private readonly records = new Map<string, ScheduleRecord>();
  private engine: ScheduleEngine | undefined;

  constructor(
    private readonly store: ScheduleStore,
    private readonly owner: string,
    private readonly attendance: Attendance,
    /** Aborted when this instance no longer leads. */
    private readonly signal: AbortSignal,
  ) {}

  /** Resolves when the instance no longer leads, and its work has ended. Never rejects. */
  async lead(): Promise<void> {
    await this.persistently('The schedules', this.signal, async () => {
      this.engine = await this.choose();
    });
    await Promise.all([
      this.follow(KEYS.schedules, (entry) => this.onSchedule(entry)),
      this.follow(KEYS.allPlanned, (entry) => this.onPlanned(entry)),
      this.check(),
    ]);
    await Promise.all([...this.work.values()].map(({ ended }) => ended));
  }

  private async follow(
    keys: string,
    onEntry: (entry: KeyValueEntry<unknown>) => Promise<void>,
  ): Promise<void> {
    await this.persistently(`The watch of "${keys}"`, this.signal, async () => {
      const watch = await this.store.bucket.watch(keys);
      const stop = (): void => watch.stop();
      this.signal.addEventListener('abort', stop, { once: true });
      if (this.signal.aborted) stop();
      try {
        for await (const entry of watch) await onEntry(entry);
      } finally {
        this.signal.removeEventListener('abort', stop);
      }
    });
  }

  private async onSchedule(entry: KeyValueEntry<unknown>): Promise<void> {
    const record = readSchedule(valueOf(entry));
    if (record === undefined || entry.key !== KEYS.schedule(record.name)) {
      this.records.delete(entry.key);
      return this.end(entry.key);
    }
    if (record.owner !== this.owner) return;
    this.records.set(entry.key, record);
    await this.drive(entry.key, record);
  }

  private async drive(key: string, record: ScheduleRecord): Promise<void> {
    const { engine = 'leader' } = this;
    // The leader itself stores the engine.
    const about = { ...record, engine };
    await this.begin(key, about, `The schedule "${record.name}"`, async (signal) => {
      const timesOf = await prepareTimes([record.timing]);
      await new ScheduleDriver(record, engine, this.store, this.attendance, timesOf).run(signal);
    });
  }

  private async onPlanned(entry: KeyValueEntry<unknown>): Promise<void> {
    const planned = readPlanned(valueOf(entry));
    if (planned === undefined || entry.key !== KEYS.planned(planned.name, planned.id))
      return this.end(entry.key);
    if (planned.owner !== this.owner) return;
    const { revision } = entry;
    await this.begin(entry.key, { revision }, `The planned run "${planned.id}"`, (signal) =>
      publishPlanned(this.store, this.attendance, planned, revision, signal),
    );
  }

  /** Checks the engine, which changes with the servers of the cluster, and removes what is no longer declared. */
  private async check(): Promise<void> {
    while (!this.signal.aborted) {
      await sleep(CHECK_EVERY, this.signal, { keepsAlive: false });
      if (this.signal.aborted) return;
      await this.once('The check of the schedules', async () => {
        const engine = await this.choose();
        if (engine !== this.engine) {
          this.logger.log(
            `The schedules in stream "${this.store.name}" are now published by the ${engine}, because the servers changed`,
          );
          this.engine = engine;
          for (const [key, record] of this.records) await this.drive(key, record);
        }
        await removeUndeclared(this.store, this.attendance, [...this.records.values()]);
      });
    }
  }

  private choose(): Promise<ScheduleEngine> {
    return chooseEngine(this.store, Object.keys(this.attendance.known.servers));
  }

  /** Starts work; work for the same key ends before, unless it is about the same. */
  private async begin(
    key: string,
    about: object,
    what: string,
    act: (signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    if (isDeepStrictEqual(this.work.get(key)?.about, about)) return;
    await this.end(key);
    if (this.signal.aborted) return;
    const controller = new AbortController();
    const abort = (): void => controller.abort();
    this.signal.addEventListener('abort', abort, { once: true });
    const ended = this.persistently(what, controller.signal, () => act(controller.signal)).finally(() =>
      this.signal.removeEventListener('abort', abort),
    );
    this.work.set(key, { about, controller, ended });
  }

  private async end(key: string): Promise<void> {
    const work = this.work.get(key);
    this.work.delete(key);
    work?.controller.abort();
    await work?.ended;
  }

  /** Repeats something until it succeeds, or the signal is aborted. Never rejects. */
  private async persistently(what: string, signal: AbortSignal, act: () => Promise<void>): Promise<void> {
    for (const backoff = new Backoff(PAUSES); !signal.aborted;) {
      if (await this.once(what, act)) return;
      await sleep(backoff.next(), signal, { keepsAlive: false });
    }
  }

  /** Whether something succeeded. Never rejects. */
  private async once(what: string, act: () => Promise<void>): Promise<boolean> {
    try {
      await act();
      return true;
    } catch (error) {
      // The end of the connection is reported elsewhere, and ends the leadership.
      if (this.signal.aborted || error instanceof ConnectionClosedError) return false;
      const heldBack = this.limiter.admit(what);
      if (heldBack !== undefined) {
        this.logger.warn(
          `${what} in stream "${this.store.name}" failed, and is tried again: ${errorText(error)}${heldBackText(heldBack)}`,
        );
      }
      return false;
    }
  }
}
