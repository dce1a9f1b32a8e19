export { STREAM_PREFIX } from './bucket.js';
export type { PurgeDeletesOptions } from './bucket-listing.js';
export type { KeyValueGetOptions } from './bucket-reader.js';
export { CachedKeyValue } from './cache/index.js';
export { KEY_VALUE_CALLS, KEY_VALUE_SERVICE_CALLS } from './first-calls.js';
export { headerText } from './header-text.js';
export { validateKeyFilter } from './key-names.js';
export { KEY_VALUE_OPTIONS, type KeyValueConfig } from './key-value-config.js';
export {
  headerValue,
  type KeyValueEntry,
  type KeyValueOperation,
  type KeyValuePut,
  type KeyValueRemoval,
  operationOf,
} from './key-value-entry.js';
export { KeyValueStatus } from './key-value-status.js';
export {
  KeyValue,
  type KeyValueCreateOptions,
  type KeyValueDeleteOptions,
  type KeyValuePurgeOptions,
} from './key-value.js';
export { ALL_BUCKETS, type KeyValueOptions, KeyValueService } from './key-value.service.js';
export {
  KeyLock,
  type KeyValueLockOptions,
  LeaderElection,
  type LeaderElectionOptions,
} from './locks/index.js';
export type { KeyValueModification, KeyValueModifyOptions } from './modify.js';
export {
  KeyValueWatch,
  type KeyValueWatchOptions,
  KvWatcher,
  type KvWatcherOwner,
  messageHeadersOf,
} from './watching/index.js';
