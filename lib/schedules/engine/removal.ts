import { Logger } from '@nestjs/common';
import { ConsumerNotFoundError, RevisionMismatchError } from '../../errors/index.js';
import {
  durableOf,
  KEYS,
  type ScheduleRecord,
  type ScheduleStore,
  ScheduleSubjects,
} from '../storage/index.js';
import type { Attendance } from './attendance.js';

/**
 * How long a schedule is kept after the last instance that declared it, in milliseconds. During a deployment, instances
 * of both versions run, and it may be rolled back.
 */
export const KEPT_FOR = 600_000;

const logger = new Logger('Schedules');

/** Removes the schedules of an application that none of its instances has declared for some time. */
export async function removeUndeclared(
  store: ScheduleStore,
  attendance: Attendance,
  records: readonly ScheduleRecord[],
): Promise<void> {
  // Another instance may have declared a schedule since the last look.
  await attendance.beat();
  const { declared } = attendance.known;
  for (const { name, since } of records) {
    if (attendance.now - (declared[name] ?? since) <= KEPT_FOR) continue;
    const { value, revision } = await store.schedule(name);
    if (value === undefined) continue;
    try {
      // First, so that the watch of the leader ends its work.
      await store.remove(KEYS.schedule(name), revision);
    } catch (error) {
      if (error instanceof RevisionMismatchError) continue;
      throw error;
    }
    await removeMessages(store, name);
    await attendance.forget(name);
    logger.log(
      `The schedule "${name}" is removed, because no instance of the application declares it any more`,
    );
  }
}

async function removeMessages(store: ScheduleStore, name: string): Promise<void> {
  const subjects = new ScheduleSubjects(store.name, name);
  const stream = await store.stream();
  await stream.purge({ subject: subjects.plan });
  await stream.purge({ subject: subjects.runs });
  try {
    await store.jetstream.deleteConsumer(store.name, durableOf(name));
  } catch (error) {
    if (!(error instanceof ConsumerNotFoundError)) throw error;
  }
  await store.remove(KEYS.last(name));
}
