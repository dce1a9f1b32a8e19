export { CachedKeyValue, type LocalCopy } from './cached-key-value.js';
