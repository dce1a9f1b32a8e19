export { KeyValueCacheStore } from './key-value-cache-store.js';
