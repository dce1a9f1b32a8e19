import type { JetStreamOptions } from '../connection/index.js';
import { HANDLER_DEFAULTS } from '../handlers/index.js';
import {
  PLACEMENT_OPTIONS,
  REPUBLISH_OPTIONS,
  STREAM_OPTIONS,
  STREAM_SOURCE_OPTIONS,
  type PublishDefaults,
  type StreamDeclaration,
} from '../jetstream/index.js';
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
    retry: { wait: true, attempts: true },
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
    bucket: true,
    codec: true,
    recreate: true,
    description: true,
    history: true,
    maxValueSize: true,
    ttl: true,
    maxBytes: true,
    storage: true,
    replicas: true,
    placement: PLACEMENT_OPTIONS,
    republish: REPUBLISH_OPTIONS,
    mirror: STREAM_SOURCE_OPTIONS,
    sources: STREAM_SOURCE_OPTIONS,
    compression: true,
    metadata: true,
    limitMarkerTtl: true,
    raw: true,
  } satisfies AllOptionsOf<KeyValueDeclaration>,
  objectStores: {
    bucket: true,
    recreate: true,
    description: true,
    ttl: true,
    maxBytes: true,
    storage: true,
    replicas: true,
    placement: PLACEMENT_OPTIONS,
    compression: true,
    metadata: true,
    raw: true,
  } satisfies AllOptionsOf<ObjectStoreDeclaration>,
  connection: true,
} satisfies AllOptionsOf<JetStreamFeatureOptions>;
