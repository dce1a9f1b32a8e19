import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import {
  InvalidArgumentError,
  NotConnectedError,
  RevisionMismatchError,
  ScheduleNotFoundError,
} from '../errors/index.js';
import { type CallOptions, inSteps } from '../jetstream/index.js';
import { nameText } from '../reporting/index.js';
import { checkDate, checkText } from '../validation/index.js';
import type { ScheduledMethod } from './engine/index.js';
import { describeSchedule } from './describe-schedule.js';
import type { ScheduleInfo } from './schedule-info.js';
import {
  KEYS,
  readPlanned,
  SCHEDULE_HEADERS,
  type Pause,
  type ScheduleConnection,
  type ScheduleRecord,
  type ScheduleStore,
  ScheduleSubjects,
} from './storage/index.js';

/** The schedules of the application in one stream, whether they run in this process or in others only. */
export interface ScheduleView {
  readonly connection: ScheduleConnection;
  readonly methods: readonly Pick<ScheduledMethod, 'handler' | 'schedule'>[];
  /** Opens a connection with `connect: 'lazy'`. */
  connect(limits: CallOptions): Promise<void>;
  /** Whether the connection has a server. */
  isOpen(): boolean;
  /** Opens the stream and the bucket within the limits of a call; `undefined` if no process has created them yet. */
  open(limits: CallOptions): Promise<ScheduleStore | undefined>;
}

/** A view whose stream and bucket exist. */
interface OpenView extends Pick<ScheduleView, 'connection' | 'methods'> {
  readonly store: ScheduleStore;
}

/** A schedule, with its stream. */
interface Found extends OpenView {
  readonly record: ScheduleRecord;
}

/** How often a record is written again after another instance wrote it. */
const ATTEMPTS = 20;

/**
 * Inspects and controls the schedules in the streams that the application uses: its own, and those of other
 * applications there. It works from each instance, because the state is stored on the server: also from one that does not
 * run the schedules (`handlers.autoStart`, `enabled`), as soon as another instance has stored them.
 *
 * Schedules are named as in `@JsSchedule`, by default by class and method: `Reports.daily`. All methods also reject with
 * the errors of requests, and with {@link NotConnectedError} with `connect: false`. With `connect: 'lazy'`, they open the
 * connection. All have the options {@link CallOptions}: `timeout` and `signal`.
 */
@Injectable()
export class Schedules {
  private views: readonly ScheduleView[] = [];

  /**
   * All schedules, sorted by name.
   *
   * @throws {@link NotConnectedError}, {@link BucketNotFoundError}, {@link RequestTimeoutError}
   * @throws {@link PackageNotInstalledError} if another application has a cron expression, and croner is not installed here
   */
  list(options: CallOptions = {}): Promise<ScheduleInfo[]> {
    return inSteps(options, async (left) => {
      const all: ScheduleInfo[] = [];
      for (const { store, connection } of await this.open(left)) {
        for await (const key of store.bucket.keys(KEYS.schedules, left)) {
          const { value } = await store.schedule(key.slice(KEYS.schedule('').length));
          if (value !== undefined) all.push(await describeSchedule(store, connection.name, value));
        }
      }
      return all.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    });
  }

  /**
   * One schedule.
   *
   * @throws {@link ScheduleNotFoundError}
   */
  get(name: string, options: CallOptions = {}): Promise<ScheduleInfo> {
    return inSteps(options, async (left) => {
      const { store, connection, record } = await this.find(name, left);
      return describeSchedule(store, connection.name, record);
    });
  }

  /**
   * Pauses a schedule for all instances, until {@link resume}, also across restarts. Due times in the pause are not made
   * up for. A run that is in progress continues, and so are its retries. Runs of {@link runNow} and {@link at} take place.
   *
   * @returns whether it was running
   * @throws {@link ScheduleNotFoundError}
   */
  pause(name: string, options: CallOptions = {}): Promise<boolean> {
    return this.change(name, options, (record) =>
      isPaused(record) ? undefined : { ...record, pause: { from: Date.now() } satisfies Pause },
    );
  }

  /**
   * Continues a schedule after {@link pause}.
   *
   * @returns whether it was paused
   * @throws {@link ScheduleNotFoundError}
   */
  resume(name: string, options: CallOptions = {}): Promise<boolean> {
    return this.change(name, options, (record) => {
      if (!isPaused(record) || record.pause === undefined) return undefined;
      const to = Date.now();
      return { ...record, since: Math.max(record.since, to), pause: { from: record.pause.from, to } };
    });
  }

  /**
   * Requests a run for this moment, which an instance of the application handles. Its `trigger` is `now`.
   *
   * @param payload what `@Payload()` is; encoded by the codec of the module. Default: none
   * @returns the id of the run
   * @throws {@link ScheduleNotFoundError}, and the errors of `JetStreamService.publish`
   */
  runNow(name: string, payload?: unknown, options: CallOptions = {}): Promise<string> {
    return inSteps(options, async (left) => {
      const { store, record } = await this.find(name, left);
      const id = randomUUID();
      const { now } = new ScheduleSubjects(store.name, record.name);
      await store.jetstream.publish(now, payload ?? '', {
        ...left,
        messageId: `${record.name}.now.${id}`,
        headers: {
          [SCHEDULE_HEADERS.name]: record.name,
          [SCHEDULE_HEADERS.runId]: id,
          [SCHEDULE_HEADERS.dueTime]: new Date().toISOString(),
        },
      });
      return id;
    });
  }

  /**
   * Plans one more run at a time, or immediately if the time has passed. Its `trigger` is `at`. It also takes place late:
   * `catchUp` does not apply.
   *
   * @param payload what `@Payload()` is, stored as JSON. Default: none
   * @returns the id of the run, for {@link cancel}
   * @throws {@link ScheduleNotFoundError}
   * @throws {@link InvalidArgumentError} if the time is not a valid `Date`, or the payload is not JSON
   */
  at(name: string, time: Date, payload?: unknown, options: CallOptions = {}): Promise<string> {
    return inSteps(options, async (left) => {
      checkDate('time', time);
      const at = time.getTime();
      const stored = checkJson(payload);
      const { store, record } = await this.find(name, left);
      const id = randomUUID();
      const planned = { name: record.name, owner: record.owner, id, at, payload: stored };
      await store.write(KEYS.planned(record.name, id), planned, 0);
      return id;
    });
  }

  /**
   * Cancels a run that {@link at} has planned.
   *
   * @returns whether it was canceled; `false` if it has been published, or there was none
   * @throws {@link ScheduleNotFoundError}
   * @throws {@link InvalidArgumentError} if the id is not one of {@link at}
   */
  cancel(name: string, id: string, options: CallOptions = {}): Promise<boolean> {
    return inSteps(options, async (left) => {
      checkText('id', id);
      if (!/^[\w-]{1,64}$/.test(id))
        throw new InvalidArgumentError('id', 'it must be an id that Schedules.at returned');
      const { store, record } = await this.find(name, left);
      const key = KEYS.planned(record.name, id);
      const { value, revision } = await store.read(key);
      if (readPlanned(value) === undefined) return false;
      try {
        await store.remove(key, revision);
        return true;
      } catch (error) {
        if (error instanceof RevisionMismatchError) return false;
        throw error;
      }
    });
  }

  /** @internal Called when handlers are created. */
  use(views: readonly ScheduleView[]): void {
    this.views = views;
  }

  private async open(limits: CallOptions): Promise<readonly OpenView[]> {
    await Promise.all(this.views.map((view) => view.connect(limits)));
    const closed = this.views.find((view) => !view.isOpen());
    if (closed !== undefined) throw new NotConnectedError(closed.connection.name);
    const all: OpenView[] = [];
    for (const view of this.views) {
      const store = await view.open(limits);
      if (store !== undefined) all.push({ store, connection: view.connection, methods: view.methods });
    }
    return all;
  }

  private async find(name: string, limits: CallOptions): Promise<Found> {
    checkText('name', name);
    const known: string[] = [];
    for (const view of await this.open(limits)) {
      const { store, methods } = view;
      for (const { handler, schedule } of methods) {
        if (handler !== name && schedule.name !== name) {
          known.push(schedule.name);
          continue;
        }
        // One that does not run in this process may not be stored.
        const { value: record } = await store.schedule(schedule.name);
        if (record !== undefined) return { ...view, record };
      }
      // A schedule of another version, or of another application.
      if (!/^[\w-]+(\.[\w-]+)*$/.test(name)) continue;
      const { value: record } = await store.schedule(name);
      if (record !== undefined) return { ...view, record };
    }
    throw new ScheduleNotFoundError(nameText(name), known);
  }

  /** Writes a changed record; returns whether there was a change. */
  private change(
    name: string,
    options: CallOptions,
    change: (record: ScheduleRecord) => ScheduleRecord | undefined,
  ): Promise<boolean> {
    return inSteps(options, async (left) => {
      for (let attempt = 1; ; attempt++) {
        const { store, record } = await this.find(name, left);
        const { value, revision } = await store.schedule(record.name);
        const next = value && change(value);
        if (next === undefined) return false;
        try {
          await store.write(KEYS.schedule(record.name), next, revision);
          return true;
        } catch (error) {
          if (!(error instanceof RevisionMismatchError) || attempt === ATTEMPTS) throw error;
        }
      }
    });
  }
}

function isPaused({ pause }: ScheduleRecord): boolean {
  return pause !== undefined && pause.to === undefined;
}

/** @throws {@link InvalidArgumentError} */
function checkJson(payload: unknown): unknown {
  if (payload === undefined) return undefined;
  try {
    const text = JSON.stringify(payload) as string | undefined;
    if (text !== undefined) return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new InvalidArgumentError('payload', 'it must be a value that can be converted to JSON', { cause });
  }
  throw new InvalidArgumentError('payload', 'it must be a value that can be converted to JSON');
}
