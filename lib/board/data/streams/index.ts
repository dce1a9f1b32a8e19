export { consumerActions } from './consumer-actions.js';
export { streamDownloads } from './stream-downloads.js';
export { listStreams } from './stream-list.js';
export { streamViews } from './stream-views.js';
