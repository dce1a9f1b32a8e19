import { Logger } from '@nestjs/common';
import { errorText, heldBackText, ReportLimiter } from '../../reporting/index.js';
import { Interval, Timer } from '../../timing/index.js';
import type { BoardData } from '../data/index.js';
import type { LiveReader } from './live-reader.js';

/** The intervals of an event stream, in milliseconds. */
export interface LiveTimes {
  /** How often the handlers are read for all readers together, and the access of each is checked. */
  readonly period: number;
  /** The minimum time between two readings of the jobs. */
  readonly jobs: number;
  /** After how long a reader has to connect again: the guards of the application run again then. */
  readonly longest: number;
}

export const LIVE_TIMES: LiveTimes = { period: 2_000, jobs: 500, longest: 60_000 };

/** What {@link LiveGroup} uses. */
export interface LiveGroupParts {
  readonly data: Pick<BoardData, 'view' | 'onJobs'>;
  /** Whether the caller of a request may still read the board. Never rejects. */
  readonly mayRead: (request: unknown) => Promise<boolean>;
}

/** The readers of one connection. While there are any, the handlers are read regularly for all of them, otherwise nothing. */
export class LiveGroup {
  private readonly logger = new Logger('JetStreamBoard');
  private readonly limiter = new ReportLimiter();
  private readonly readers = new Set<LiveReader>();
  private readonly checked = new Set<LiveReader>();
  private running: Running | undefined;

  constructor(
    private readonly parts: LiveGroupParts,
    /** The parameters of the views. */
    private readonly query: Readonly<Record<string, string>>,
    private readonly times: LiveTimes,
  ) {}

  get size(): number {
    return this.readers.size;
  }

  /** Adds a reader, which gets the newest data at once. */
  add(reader: LiveReader): void {
    this.readers.add(reader);
    if (this.running === undefined) {
      this.running = new Running(
        this.times,
        () => this.tick(),
        () => this.readJobs(),
        (changed) => this.parts.data.onJobs(changed),
      );
      this.readHandlers();
    } else if (this.running.newest === undefined) this.readHandlers();
    else reader.snapshot('handlers', this.running.newest);
  }

  /** Removes a reader. The last one ends all work. */
  remove(reader: LiveReader): void {
    this.readers.delete(reader);
    if (this.readers.size > 0) return;
    this.running?.end();
    this.running = undefined;
  }

  private tick(): void {
    const now = performance.now();
    for (const reader of this.readers) {
      // Not all at once, because readers that connected together would also connect again together.
      if (now - reader.openedAt > this.times.longest * (0.8 + Math.random() * 0.2)) {
        reader.end();
        continue;
      }
      reader.tend(now);
      void this.check(reader);
    }
    this.readHandlers();
  }

  /** Ends a reader whose access has ended. Never rejects. */
  private async check(reader: LiveReader): Promise<void> {
    if (this.checked.has(reader)) return;
    this.checked.add(reader);
    const isAllowed = await this.parts.mayRead(reader.request);
    this.checked.delete(reader);
    if (!isAllowed) reader.end('Your access has ended.');
  }

  private readHandlers(): void {
    const { running } = this;
    if (running === undefined || running.isReading) return;
    running.isReading = true;
    void this.read('handlers', running).then((json) => {
      running.isReading = false;
      running.newest = json;
    });
  }

  private readJobs(): void {
    if (this.running !== undefined) void this.read('jobs', this.running);
  }

  /** Reads a view and sends it to all readers. Never rejects. */
  private async read(name: 'handlers' | 'jobs', { signal }: Running): Promise<string | undefined> {
    try {
      const json = JSON.stringify(await this.parts.data.view(name, this.query, signal));
      if (signal.aborted) return undefined;
      for (const reader of this.readers) reader.snapshot(name, json);
      return json;
    } catch (error) {
      if (signal.aborted) return undefined;
      const text = `The ${name} cannot be read for the event stream: ${errorText(error)}`;
      const heldBack = this.limiter.admit(text);
      if (heldBack !== undefined) this.logger.warn(`${text}${heldBackText(heldBack)}`);
      return undefined;
    }
  }
}

/** The work of a group while it has readers. */
class Running {
  /** The handlers, as they were sent. */
  newest: string | undefined;
  isReading = false;
  private readonly controller = new AbortController();
  private readonly interval: Interval;
  private readonly forgetJobs: () => void;
  private nextJobs: Timer | undefined;

  constructor(
    private readonly times: LiveTimes,
    tick: () => void,
    private readonly readJobs: () => void,
    onJobs: (changed: () => void) => () => void,
  ) {
    this.interval = new Interval(times.period, tick, { keepsAlive: false });
    this.forgetJobs = onJobs(() => this.jobsChanged());
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  end(): void {
    this.interval.cancel();
    this.nextJobs?.cancel();
    this.forgetJobs();
    this.controller.abort(new Error('the last reader has left'));
  }

  /** Changes within a period are read together at its end. */
  private jobsChanged(): void {
    this.nextJobs ??= new Timer(
      this.times.jobs,
      () => {
        this.nextJobs = undefined;
        this.readJobs();
      },
      { keepsAlive: false },
    );
  }
}
