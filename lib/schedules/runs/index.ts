export { gapAround, isLeftOut } from './missed.js';
export { type KnownGaps, RunGate } from './run-gate.js';
export { patternText, RunReader } from './run-reader.js';
export { ScheduleContext, scheduleSource } from './schedule-context.js';
export type { ScheduledRun } from './scheduled-run.js';
