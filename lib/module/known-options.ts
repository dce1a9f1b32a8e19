import type { JetStreamOptions } from '../connection/index.js';
import { HANDLER_DEFAULTS } from '../handlers/index.js';
import {
  RETRY_OPTIONS,
  STREAM_OPTIONS,
  type PublishDefaults,
  type StreamDeclaration,
} from '../jetstream/index.js';
import { KEY_VALUE_OPTIONS } from '../key-value/index.js';
import { OBJECT_STORE_OPTIONS } from '../object-store/index.js';
import type { AllOptionsOf } from '../validation/index.js';
import type {
  JetStreamFeatureOptions,
  JetStreamModuleOptions,
  KeyValueDeclaration,
  ObjectStoreDeclaration,
} from './jetstream-module-options.interface.js';

/** The options of `JetStreamModule.forRoot`; those of `connection` are the client's. */
export const MODULE_OPTIONS = {
  connection: true,
  jetstream: { domain: true, apiPrefix: true, timeout: true } satisfies AllOptionsOf<JetStreamOptions>,
  codec: true,
  codecs: true,
  publish: {
    timeout: true,
    retry: RETRY_OPTIONS,
    idempotent: true,
    maxPending: true,
    stallWait: true,
    onError: true,
    onAck: true,
  } satisfies AllOptionsOf<PublishDefaults>,
  // The names in `consumers` are the application's.
  handlers: { ...HANDLER_DEFAULTS, consumers: true },
  provisioning: true,
  bootTimeout: true,
  shutdownTimeout: true,
} satisfies AllOptionsOf<JetStreamModuleOptions>;

/** The options of `JetStreamModule.forFeature`. */
export const FEATURE_OPTIONS = {
  streams: { ...STREAM_OPTIONS, codec: true, recreate: true } satisfies AllOptionsOf<StreamDeclaration>,
  keyValues: {
    ...KEY_VALUE_OPTIONS,
    codec: true,
    recreate: true,
  } satisfies AllOptionsOf<KeyValueDeclaration>,
  objectStores: {
    ...OBJECT_STORE_OPTIONS,
    recreate: true,
  } satisfies AllOptionsOf<ObjectStoreDeclaration>,
  connection: true,
} satisfies AllOptionsOf<JetStreamFeatureOptions>;
