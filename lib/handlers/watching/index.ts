export { KvContext } from './kv-context.js';
export { ObjectContext } from './object-context.js';
export { WatchHandler, type WatchSource } from './watch-handler.js';
export { kvEntrySource, kvWatchSource, objectEntrySource, objectWatchSource } from './watch-sources.js';
