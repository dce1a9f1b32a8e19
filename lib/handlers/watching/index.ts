export { WatchHandler, type WatchSource } from './watch-handler.js';
export { kvEntrySource, kvWatchSource, objectEntrySource, objectWatchSource } from './watch-sources.js';
