export { type DeclaredSchedule, readSchedule } from './declared-schedule.js';
export { isScheduleName, SCHEDULE_DEFAULTS, SCHEDULE_OPTIONS, scheduleName } from './known-options.js';
export type {
  ScheduleCatchUp,
  ScheduleDefaults,
  ScheduleOptions,
  ScheduleOverlap,
  ScheduleStreamOptions,
  ScheduleTime,
} from './schedule-options.interface.js';
