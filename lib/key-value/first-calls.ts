import { type CallTable, direct, listing, waiting } from '../connection/index.js';
import type { KeyValueService } from './key-value.service.js';
import type { KeyValue } from './key-value.js';

/** How the methods of the service behave before its connection is open. */
export const KEY_VALUE_SERVICE_CALLS: CallTable<KeyValueService> = {
  create: waiting(1),
  update: waiting(1),
  createOrUpdate: waiting(1),
  open: waiting(1),
  delete: waiting(1),
  names: listing(0),
  list: listing(0),
  releaseLeases: direct,
  declareCodec: direct,
  declared: direct,
};

/** How the methods of a declared bucket behave before its connection is open. */
export const KEY_VALUE_CALLS: CallTable<KeyValue> = {
  get: waiting(1),
  getOrThrow: waiting(1),
  put: waiting(2),
  create: waiting(2),
  update: waiting(3),
  delete: waiting(1),
  purge: waiting(1),
  watch: waiting(1),
  follow: waiting(1),
  cached: waiting(1),
  modify: waiting(2),
  lock: waiting(1),
  // The candidate opens the connection by itself.
  elect: direct,
  keys: listing(1),
  history: waiting(1),
  purgeDeletes: waiting(0),
  status: waiting(0),
};
