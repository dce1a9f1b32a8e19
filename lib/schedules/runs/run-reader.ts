import type { MsgHdrs } from '@nats-io/transport-node';
import type { JetStreamMessage } from '../../jetstream/index.js';
import { isTimeZone, readCron, type TimesOf, type Timing } from '../expression/index.js';
import { SCHEDULE_HEADERS, triggerOf } from '../storage/index.js';
import type { ScheduledRun } from './scheduled-run.js';

/** The parts of a message that identify its run. */
export interface RunMessage {
  readonly subject: string;
  readonly headers: MsgHdrs | undefined;
  /** When it was stored. */
  readonly stored: Date;
}

/** The header in which the server writes when the schedule is due next (ADR-51). */
const NEXT = 'Nats-Schedule-Next';
/** The value of that header if the schedule is not due again. */
const NO_NEXT = 'purge';
/** The longest id. */
const LONGEST_ID = 64;

/** Reads the runs of one schedule from their messages. */
export class RunReader {
  private readonly runs = new WeakMap<JetStreamMessage, ScheduledRun>();

  constructor(
    readonly name: string,
    private readonly timing: Timing,
    private readonly timesOf: TimesOf,
  ) {}

  read(message: JetStreamMessage): ScheduledRun {
    let run = this.runs.get(message);
    if (run === undefined) {
      const { timestamp, deliveryCount } = message.metadata;
      run = this.readMessage({ ...parts(message), stored: timestamp }, deliveryCount);
      this.runs.set(message, run);
    }
    return run;
  }

  /** The run of a stored message. */
  readMessage(message: RunMessage, attempt = 1): ScheduledRun {
    const trigger = triggerOf(message.subject);
    const id = message.headers?.get(SCHEDULE_HEADERS.runId) ?? '';
    return {
      schedule: this.name,
      dueTime: new Date(trigger === 'schedule' ? this.dueTimeOf(message) : given(message)),
      firedAt: message.stored,
      attempt,
      trigger,
      id: id === '' ? undefined : id.slice(0, LONGEST_ID),
    };
  }

  /** The identity of a run: the same for all messages of one due time. */
  keyOf(message: JetStreamMessage): string {
    const { trigger, id, dueTime } = this.read(message);
    if (trigger === 'schedule') return dueTime.toISOString();
    return `${trigger}.${id ?? String(message.metadata.streamSequence)}`;
  }

  /**
   * The due time is in the header of a run that the leader published. For one of the server, it is the last due time
   * before the next one, which the server names; a stored time could belong to two runs if one of them was late.
   */
  private dueTimeOf(message: RunMessage): number {
    const { headers, stored } = message;
    if (headers?.has(SCHEDULE_HEADERS.dueTime) === true) return given(message);
    const timing = this.timingOf(message);
    if (timing.kind === 'at') return timing.at;
    const next = Date.parse(headers?.get(NEXT) ?? '');
    const isKnown = Number.isFinite(next) && headers?.get(NEXT) !== NO_NEXT;
    if (timing.kind === 'every') return isKnown ? next - timing.every : stored.getTime();
    // A header that does not fit to the time at which the message was stored cannot be from the server.
    const before = isKnown && next > stored.getTime() - TOLERANCE ? next - 1 : stored.getTime();
    return this.timesOf(timing, 0).latest(before) ?? stored.getTime();
  }

  /** The timing by which a run was planned: the schedule may have changed since. */
  private timingOf({ headers }: RunMessage): Timing {
    const text = headers?.get(SCHEDULE_HEADERS.pattern) ?? '';
    const timeZone = headers?.get(SCHEDULE_HEADERS.timeZone) || 'UTC';
    const [, kind, value = ''] = /^@(every|at) (.{1,40})$/.exec(text) ?? [];
    if (kind === 'every' && /^\d{4,15}ms$/.test(value)) return { kind, every: Number.parseInt(value, 10) };
    if (kind === 'at' && Number.isFinite(Date.parse(value))) return { kind, at: Date.parse(value) };
    // croner is loaded only if the schedule itself has a cron expression.
    if (this.timing.kind !== 'cron' || kind !== undefined) return this.timing;
    const read = readCron(text);
    return 'pattern' in read && isTimeZone(timeZone)
      ? { kind: 'cron', pattern: read.pattern, timeZone }
      : this.timing;
  }
}

/** How much the clocks of servers may differ, in milliseconds. */
const TOLERANCE = 60_000;

/** The value of the header that names the timing of a run. */
export function patternText(timing: Timing): string {
  switch (timing.kind) {
    case 'cron':
      return timing.pattern;
    case 'every':
      return `@every ${timing.every}ms`;
    case 'at':
      return `@at ${new Date(timing.at).toISOString()}`;
  }
}

function given({ headers, stored }: RunMessage): number {
  const time = Date.parse(headers?.get(SCHEDULE_HEADERS.dueTime) ?? '');
  return Number.isFinite(time) ? time : stored.getTime();
}

function parts({ subject, headers }: JetStreamMessage): Pick<RunMessage, 'subject' | 'headers'> {
  return { subject, headers };
}
