import { RevisionMismatchError } from '../../errors/index.js';
import { sleep } from '../../timing/index.js';
import {
  KEYS,
  type PlannedRecord,
  SCHEDULE_HEADERS,
  type ScheduleStore,
  ScheduleSubjects,
} from '../storage/index.js';
import type { Attendance } from './attendance.js';

/**
 * Publishes a run of `Schedules.at` at its time, or at once if that has passed, and removes its record. The id of the
 * message keeps a second leader from publishing it again.
 */
export async function publishPlanned(
  store: ScheduleStore,
  attendance: Attendance,
  { name, id, at, payload }: PlannedRecord,
  revision: number,
  signal: AbortSignal,
): Promise<void> {
  await sleep(at - attendance.now, signal, { keepsAlive: false });
  if (signal.aborted) return;
  const key = KEYS.planned(name, id);
  // It may have been canceled at this moment.
  if ((await store.read(key)).revision !== revision) return;
  await store.jetstream.publishUnchanged(new ScheduleSubjects(store.name, name).at, ...messageOf(payload), {
    messageId: `${name}.at.${id}`,
    headers: {
      [SCHEDULE_HEADERS.name]: name,
      [SCHEDULE_HEADERS.runId]: id,
      [SCHEDULE_HEADERS.dueTime]: new Date(at).toISOString(),
      ...(payload !== undefined && { 'Content-Type': 'application/json' }),
    },
  });
  try {
    await store.remove(key, revision);
  } catch (error) {
    if (!(error instanceof RevisionMismatchError)) throw error;
  }
}

/** A record is JSON, so its payload is published as JSON. */
function messageOf(payload: unknown): [data: string] {
  return [payload === undefined ? '' : JSON.stringify(payload)];
}
