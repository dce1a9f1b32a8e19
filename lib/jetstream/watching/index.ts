export { lastSequence } from './last-sequence.js';
export type { FeedItem, WatchFeedOptions } from './watch-feed.js';
export { INITIALIZED, initialEntries, RESTARTED, WatchFeed } from './watch-feed.js';
export { WatchIterator, type WatchReports } from './watch-iterator.js';
