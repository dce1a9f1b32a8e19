import { type CallTable, direct, listing, waiting } from '../connection/index.js';
import type { ObjectStoreService } from './object-store.service.js';
import type { ObjectStore } from './object-store.js';

/** How the methods of the service behave before its connection is open. */
export const OBJECT_STORE_SERVICE_CALLS: CallTable<ObjectStoreService> = {
  create: waiting(1),
  update: waiting(1),
  createOrUpdate: waiting(1),
  open: waiting(1),
  delete: waiting(1),
  names: listing(0),
  list: listing(0),
  declared: direct,
  close: direct,
};

/** How the methods of a declared bucket behave before its connection is open. */
export const OBJECT_STORE_CALLS: CallTable<ObjectStore> = {
  // It opens the connection by itself, because it closes its source if that fails.
  put: direct,
  putBytes: waiting(2),
  putString: waiting(2),
  putFile: waiting(2),
  get: waiting(1),
  getBytes: waiting(1),
  getString: waiting(1),
  getFile: waiting(2),
  info: waiting(1),
  updateMeta: waiting(2),
  delete: waiting(1),
  deleteVersion: waiting(),
  list: listing(0),
  watch: waiting(0),
  follow: waiting(0),
  status: waiting(0),
  seal: waiting(0),
  addLink: waiting(2),
  addBucketLink: waiting(2),
};
