export { keyValueFeed, messageHeadersOf } from './key-value-feed.js';
export { KeyValueWatch } from './key-value-watch.js';
export { checkOwner, KvWatcher, type KvWatcherOwner } from './kv-watcher.js';
export type { KeyValueWatchOptions } from './watch-options.js';
