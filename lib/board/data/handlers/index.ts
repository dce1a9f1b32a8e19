export { handlerActions } from './commands.js';
export { scheduleActions } from './schedule-actions.js';
export { handlerViews } from './views.js';
