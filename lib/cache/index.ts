export * from './key-value-cache-store.js';
