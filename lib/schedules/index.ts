export { type ScheduledMethod, type ScheduleGroup, Scheduler } from './engine/index.js';
export { prepareTimes } from './expression/index.js';
export {
  type DeclaredSchedule,
  readSchedule,
  SCHEDULE_DEFAULTS,
  type ScheduleCatchUp,
  type ScheduleDefaults,
  type ScheduleOptions,
  type ScheduleOverlap,
  type ScheduleStreamOptions,
  type ScheduleTime,
} from './options/index.js';
export { ScheduleContext, type ScheduledRun, scheduleSource, RunReader } from './runs/index.js';
export type { LastScheduledRun, ScheduleInfo } from './schedule-info.js';
export { Schedules, type ScheduleView } from './schedules.service.js';
export {
  durableOf,
  openExistingStore,
  type RunTrigger,
  SCHEDULE_HEADERS,
  SCHEDULE_STREAM,
  type ScheduleConnection,
  type ScheduleEngine,
  type ScheduleStore,
  ScheduleSubjects,
} from './storage/index.js';
