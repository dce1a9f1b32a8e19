export { jobActions } from './actions.js';
export { BoardJobs } from './board-jobs.js';
export { jobViews } from './views.js';
