export { type ScheduledMethod, type ScheduleGroup, Scheduler } from './scheduler.js';
