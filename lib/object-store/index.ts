export type { ObjectSource } from './chunk-source.js';
export { OBJECT_STORE_CALLS, OBJECT_STORE_SERVICE_CALLS } from './first-calls.js';
export type { ObjectGetOptions } from './object-content.js';
export { type ObjectInfo, objectInfoOf, type ObjectLink, type ObjectMeta } from './object-info.js';
export { ANY_BUCKET, bucketOfStream } from './object-names.js';
export type { ObjectPutOptions } from './object-put.js';
export { ObjectReadable } from './object-readable.js';
export { type ObjectStoreConfig, type ObjectStoreStatus } from './object-store-config.js';
export { type ObjectInfoOptions, ObjectStore } from './object-store.js';
export { ObjectStoreService } from './object-store.service.js';
export {
  type ObjectWatchEntry,
  objectHeadersOf,
  ObjectStoreWatch,
  type ObjectWatchOptions,
} from './object-store-watch.js';
