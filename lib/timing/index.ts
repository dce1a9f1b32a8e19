export * from './backoff.js';
export * from './commands.js';
export * from './deadline.js';
export * from './retry.js';
export * from './timer.js';
export * from './until-aborted.js';
export * from './time-budget.js';
export * from './server-time.js';
