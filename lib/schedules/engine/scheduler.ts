import { isDeepStrictEqual } from 'node:util';
import { Logger } from '@nestjs/common';
import { type ConfigurationProblem, HandlerConfigurationError } from '../../consuming/index.js';
import { RevisionMismatchError } from '../../errors/index.js';
import type { LeaderElection } from '../../key-value/index.js';
import type { TimesOf } from '../expression/index.js';
import type { DeclaredSchedule, ScheduleStreamOptions } from '../options/index.js';
import { RunGate, type RunReader } from '../runs/index.js';
import {
  KEYS,
  openScheduleStore,
  readSchedule,
  type ScheduleConnection,
  type ScheduleRecord,
  type ScheduleStore,
} from '../storage/index.js';
import { Attendance } from './attendance.js';
import { ScheduleLeader } from './schedule-leader.js';

/** A method with a schedule. */
export interface ScheduledMethod {
  /** Class and method. */
  readonly handler: string;
  readonly schedule: DeclaredSchedule;
  readonly reader: RunReader;
  readonly timesOf: TimesOf;
}

/** The schedules of one application in one stream. */
export interface ScheduleGroup {
  readonly connection: ScheduleConnection;
  readonly stream: ScheduleStreamOptions & { readonly name: string };
  /** The name of the application. */
  readonly owner: string;
  /** Whether due times take place; in a test, only requested runs do. */
  readonly fires: boolean;
}

/** How long other instances wait for a leader that was killed, in milliseconds. */
const LEADER_TTL = 5_000;
/** How often a record is written again after another instance wrote it. */
const ATTEMPTS = 20;

/** Declares the schedules of a group, and takes part in the election of the instance that makes them happen. */
export class Scheduler {
  private readonly logger = new Logger('Schedules');
  private readonly attendance: Attendance;
  private election: LeaderElection | undefined;
  private leading: Promise<void> = Promise.resolve();
  /** The methods that run in this process. */
  private methods: readonly ScheduledMethod[] = [];
  private isAttending = false;
  private isStopped = false;

  private constructor(
    readonly group: ScheduleGroup,
    readonly store: ScheduleStore,
  ) {
    this.attendance = new Attendance(store, group.owner, () =>
      this.methods.map(({ schedule }) => schedule.name),
    );
  }

  /** Opens the stream and the bucket. */
  static async open(group: ScheduleGroup): Promise<Scheduler> {
    return new Scheduler(group, await openScheduleStore(group.connection, group.stream));
  }

  /**
   * Stores schedules that this process runs. Must be called before their consumers are created.
   *
   * @throws {@link HandlerConfigurationError} if a schedule belongs to another application
   */
  async add(methods: readonly ScheduledMethod[]): Promise<void> {
    this.methods = [...this.methods, ...methods];
    // First, so that the leader does not remove a schedule that was not declared for some time.
    if (this.group.fires) await this.attend();
    const problems: ConfigurationProblem[] = [];
    for (const method of methods) {
      const problem = await this.declare(method);
      if (problem !== undefined) problems.push({ handler: method.handler, problem });
    }
    if (problems.length > 0) throw new HandlerConfigurationError(problems);
  }

  /** No longer declares schedules. Returns whether any are left. */
  remove(methods: readonly ScheduledMethod[]): boolean {
    this.methods = this.methods.filter((each) => !methods.includes(each));
    return this.methods.length > 0;
  }

  /** Decides which runs of a method take place. */
  gateOf({ schedule, reader, timesOf }: ScheduledMethod): RunGate {
    return new RunGate(schedule, reader, timesOf, this.store, this.attendance);
  }

  /** Takes part in the election from now on. */
  start(): void {
    if (!this.group.fires || this.isStopped || this.election !== undefined) return;
    const { owner } = this.group;
    this.election = this.store.bucket.elect(KEYS.leader(owner), {
      ttl: LEADER_TTL,
      onElected: ({ signal }) => {
        const leader = new ScheduleLeader(this.store, owner, this.attendance, signal);
        this.leading = Promise.all([this.leading, leader.lead()]).then(() => undefined);
      },
    });
  }

  /** Gives up the lead, so that another instance takes it at once. It never rejects. */
  async stop(): Promise<void> {
    this.isStopped = true;
    this.attendance.stop();
    await this.election?.stop();
    await this.leading;
  }

  private async attend(): Promise<void> {
    if (this.isAttending) return this.attendance.beat();
    await this.attendance.begin();
    this.isAttending = true;
  }

  /** Stores a schedule, unless it is stored in this form; returns what prevents it. */
  private async declare(method: ScheduledMethod): Promise<string | undefined> {
    const { owner } = this.group;
    const key = KEYS.schedule(method.schedule.name);
    for (let attempt = 1; ; attempt++) {
      const { value, revision } = await this.store.read(key);
      const current = readSchedule(value);
      if (current !== undefined && current.owner !== owner) {
        return (
          `the schedule "${current.name}" in stream "${this.store.name}" belongs to the application "${current.owner}", and ` +
          `this one is "${owner}": set another name, or another stream`
        );
      }
      const next = this.recordOf(method, current);
      if (isDeepStrictEqual(next, current)) return undefined;
      try {
        await this.store.write(key, next, revision);
      } catch (error) {
        if (!(error instanceof RevisionMismatchError) || attempt === ATTEMPTS) throw error;
        continue;
      }
      this.tell(next, current);
      return undefined;
    }
  }

  /** The record of a schedule. A changed one starts again: it has no due times before the change. */
  private recordOf(
    { handler, schedule: { name, timing, text, catchUp } }: ScheduledMethod,
    current: ScheduleRecord | undefined,
  ): ScheduleRecord {
    const isSame = current !== undefined && isDeepStrictEqual(current.timing, timing);
    return {
      name,
      owner: this.group.owner,
      handler,
      timing,
      text,
      catchUp,
      since: isSame ? current.since : Math.round(this.attendance.now),
      pause: current?.pause,
      engine: current?.engine,
    };
  }

  private tell({ name, text, timing, since }: ScheduleRecord, before: ScheduleRecord | undefined): void {
    if (before === undefined) this.logger.log(`Schedule "${name}" stored: ${text}`);
    else if (before.text !== text) this.logger.log(`Schedule "${name}" changed: ${before.text} → ${text}`);
    if (timing.kind === 'at' && timing.at <= since) {
      const time = new Date(timing.at).toISOString();
      this.logger.warn(
        `Schedule "${name}" never runs: its time, ${time}, had passed when it was first declared`,
      );
    }
  }
}
