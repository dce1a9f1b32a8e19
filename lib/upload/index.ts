export {
  type IncomingFile,
  ObjectStoreStorage,
  type ObjectStoreStorageOptions,
  type StoredFile,
} from './object-store-storage.js';
