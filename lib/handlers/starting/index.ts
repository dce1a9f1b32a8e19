export { summarize } from './boot-summary.js';
export { HandlerBinder } from './handler-binder.js';
export { HandlerBuilder } from './handler-builder.js';
export { HandlerStarter } from './handler-starter.js';
export { ScheduleGroups } from './schedule-groups.js';
