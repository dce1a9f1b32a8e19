export type * from './actions.js';
export type * from './common.js';
export type * from './dead-letters.js';
export type * from './handlers.js';
export type * from './schedules.js';
export type * from './session.js';
export type * from './streams.js';
export type * from './views.js';
