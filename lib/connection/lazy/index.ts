export { type CallTable, deferred, direct, directOf, listing, waiting } from './deferred-calls.js';
export { LazyConnection, lazyConnection } from './lazy-connection.js';
