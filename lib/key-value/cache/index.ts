export { CachedKeyValue } from './cached-key-value.js';
