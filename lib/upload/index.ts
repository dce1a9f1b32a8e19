export * from './object-store-storage.js';
