import type { PublishOptions, StoredMessage } from '../../jetstream/index.js';
import { patternText } from '../runs/index.js';
import { SCHEDULE_HEADERS, type ScheduleRecord, type ScheduleSubjects } from '../storage/index.js';

/** The instruction to the server to publish the runs of a schedule (ADR-51). */
export interface SchedulePlan {
  readonly subject: string;
  readonly options: PublishOptions & { readonly headers: Readonly<Record<string, string>> };
}

/** The server copies the headers to each run, except its own. */
export function schedulePlan({ name, timing }: ScheduleRecord, subjects: ScheduleSubjects): SchedulePlan {
  const target = subjects.due;
  const headers = { [SCHEDULE_HEADERS.name]: name, [SCHEDULE_HEADERS.pattern]: patternText(timing) };
  switch (timing.kind) {
    case 'every':
      return { subject: subjects.plan, options: { headers, schedule: { every: timing.every, target } } };
    case 'at':
      return { subject: subjects.plan, options: { headers, schedule: { at: new Date(timing.at), target } } };
    case 'cron': {
      const { pattern: cron, timeZone } = timing;
      const schedule = { cron, target, ...(timeZone !== 'UTC' && { timeZone }) };
      return {
        subject: subjects.plan,
        options: { headers: { ...headers, [SCHEDULE_HEADERS.timeZone]: timeZone }, schedule },
      };
    }
  }
}

/** Whether a stored instruction is the wanted one. Storing an interval again would restart it. */
export function samePlan({ headers }: StoredMessage, { options }: SchedulePlan): boolean {
  return Object.values(SCHEDULE_HEADERS).every(
    (header) => (headers?.get(header) ?? '') === (options.headers[header] ?? ''),
  );
}
