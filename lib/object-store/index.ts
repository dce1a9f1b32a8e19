export type { ObjectSource } from './chunk-source.js';
export type { ObjectInfo, ObjectLink, ObjectMeta } from './object-info.js';
export type { ObjectPutOptions } from './object-put.js';
export { ObjectReadable } from './object-readable.js';
export {
  OBJECT_STORE_OPTIONS,
  objectStoreStreamConfig,
  type ObjectStoreConfig,
  type ObjectStoreStatus,
} from './object-store-config.js';
export * from './object-store.js';
export * from './object-store.service.js';
export { ObjectWatcher, type ObjectWatchEntry, type ObjectWatchOptions } from './object-watcher.js';
