export { KeyValueWatch } from './key-value-watch.js';
export { checkOwner, KvWatcher, type KvWatcherOwner } from './kv-watcher.js';
export { INITIALIZED, RESTARTED, WatchFeed } from './watch-feed.js';
export type { KeyValueWatchOptions } from './watch-options.js';
