import { Logger } from '@nestjs/common';
import { ConnectionClosedError, RevisionMismatchError } from '../../errors/index.js';
import { errorText, heldBackText, ReportLimiter } from '../../reporting/index.js';
import { CommandQueue, Interval } from '../../timing/index.js';
import { type Gap, KEYS, type OwnerRecord, readOwner, type ScheduleStore } from '../storage/index.js';
import type { KnownGaps } from '../runs/index.js';

/** How often the instances of an application together report that one of them is connected, in milliseconds. */
export const BEAT = 2_000;
/** A longer silence is a time in which no instance was connected, in milliseconds. */
export const LONGEST_SILENCE = 3 * BEAT;
/** How often an instance reports which schedules it declares, in milliseconds. */
const DECLARE_EVERY = 10_000;
/** How many gaps are stored. */
const KEPT_GAPS = 50;
/** How many writes of other instances may come first before a beat is left to them. */
const ATTEMPTS = 5;

/**
 * Tells from one record in the bucket when instances of an application were connected. Each instance looks at it
 * repeatedly and writes it unless another one has just done so. The instance that finds the record too old
 * stores this as a gap. All times are those of the server.
 */
export class Attendance implements KnownGaps {
  private readonly logger = new Logger('Schedules');
  private readonly limiter = new ReportLimiter();
  private readonly commands = new CommandQueue();
  private interval: Interval | undefined;
  private record: OwnerRecord = readOwner(undefined);
  /** Since when this instance is connected, as far as it knows, in milliseconds since 1970. */
  private since = Infinity;
  /** How far the server's clock is ahead of that of this process, in milliseconds. */
  private ahead = 0;

  constructor(
    private readonly store: ScheduleStore,
    private readonly owner: string,
    /** The names of the schedules that this instance declares now. */
    private readonly declared: () => readonly string[],
  ) {}

  /** The record of the instances, at the last look. */
  get known(): OwnerRecord {
    return this.record;
  }

  /** The time of the server, in milliseconds since 1970, as far as it is known. */
  get now(): number {
    return Date.now() + this.ahead;
  }

  /** Stores that this instance is connected, and the gap before, if there was one; and repeats that from now on. */
  async begin(): Promise<void> {
    await this.learnTime();
    await this.beat();
    this.since = this.now;
    this.interval = new Interval(BEAT, () => void this.tryBeat(), { keepsAlive: false });
  }

  stop(): void {
    this.interval?.cancel();
  }

  async gapsFor(due: number): Promise<readonly Gap[]> {
    if (due > this.since && this.now - due <= LONGEST_SILENCE) return [];
    // The gap may have ended with the connection of this instance, and not be stored yet.
    await this.beat();
    return this.record.gaps;
  }

  /** Looks at the record, and writes it if that is needed. */
  beat(): Promise<void> {
    return this.commands.run(() => this.look());
  }

  private async look(): Promise<void> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const { value, revision, stored } = await this.store.read(KEYS.owner(this.owner));
      this.record = readOwner(value);
      const isFirst = value === undefined;
      let silence = isFirst ? 0 : this.now - stored;
      if (silence > LONGEST_SILENCE) {
        await this.learnTime();
        silence = this.now - stored;
      }
      const gap = silence > LONGEST_SILENCE ? { from: stored, to: this.now } : undefined;
      if (!isFirst && gap === undefined && silence < BEAT * 0.75 && !this.mustDeclare) return;
      const next = this.changed(gap);
      try {
        await this.store.write(KEYS.owner(this.owner), next, revision);
        this.record = next;
        return;
      } catch (error) {
        if (!(error instanceof RevisionMismatchError)) throw error;
      }
    }
  }

  private get mustDeclare(): boolean {
    const { declared, servers } = this.record;
    const due = this.now - DECLARE_EVERY;
    const { serverVersion } = this.store.jetstream.connection;
    return (servers[serverVersion] ?? 0) < due || this.declared().some((name) => (declared[name] ?? 0) < due);
  }

  private changed(gap: Gap | undefined): OwnerRecord {
    const { gaps, declared, servers } = this.record;
    const { serverVersion } = this.store.jetstream.connection;
    const now = Math.round(this.now);
    const mine = Object.fromEntries(this.declared().map((name) => [name, now]));
    const recent = Object.entries(servers).filter(([, time]) => now - time < 2 * DECLARE_EVERY);
    const ended = gap && { from: Math.round(gap.from), to: Math.round(gap.to) };
    return {
      gaps: ended === undefined ? gaps : [...gaps, ended].slice(-KEPT_GAPS),
      declared: { ...declared, ...mine },
      servers: { ...Object.fromEntries(recent), [serverVersion]: now },
    };
  }

  /** Forgets a schedule that was removed. */
  async forget(name: string): Promise<void> {
    const key = KEYS.owner(this.owner);
    const { value, revision } = await this.store.read(key);
    const {
      declared: { [name]: _, ...declared },
      ...rest
    } = readOwner(value);
    await this.store.write(key, { ...rest, declared }, revision);
  }

  private async learnTime(): Promise<void> {
    const key = KEYS.clock(this.owner);
    const sent = Date.now();
    await this.store.write(key, sent);
    const received = Date.now();
    const { stored } = await this.store.read(key);
    this.ahead = stored - (sent + received) / 2;
  }

  private async tryBeat(): Promise<void> {
    try {
      await this.beat();
    } catch (error) {
      if (error instanceof ConnectionClosedError) return this.stop();
      const heldBack = this.limiter.admit(this.owner);
      if (heldBack === undefined) return;
      this.logger.warn(
        `The application "${this.owner}" cannot store in bucket "${this.store.name}" that it is connected, and tries ` +
          `again; due times in the meantime may count as missed: ${errorText(error)}${heldBackText(heldBack)}`,
      );
    }
  }
}
