export {
  durableOf,
  KEYS,
  type RunTrigger,
  SCHEDULE_HEADERS,
  SCHEDULE_STREAM,
  ScheduleSubjects,
  streamSubjects,
  triggerOf,
} from './names.js';
export {
  openExistingStore,
  openScheduleStore,
  type ScheduleConnection,
  SERVER_ENGINE_SINCE,
} from './provision-schedules.js';
export {
  type Gap,
  type LastRunRecord,
  type OwnerRecord,
  type Pause,
  type PlannedRecord,
  readOwner,
  readPlanned,
  readSchedule,
  type ScheduleEngine,
  type ScheduleRecord,
} from './records.js';
export { ScheduleStore, valueOf, type Versioned } from './schedule-store.js';
