export { createInboxOf, serialOf } from './inbox.js';
export type { Outcome } from './pending-requests.js';
export { type RepliesHandler, type ReplyHandler, type RequestOptions, Requests } from './requests.js';
