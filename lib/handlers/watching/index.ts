export { WatchHandler } from './watch-handler.js';
export type { WatchSource } from './watch-source.js';
export { kvEntrySource, kvWatchSource, objectEntrySource, objectWatchSource } from './watch-sources.js';
