import { codecRule } from '../codecs/index.js';
import { connectionRule, JETSTREAM_OPTIONS } from '../connection/index.js';
import { CONSUMER_OPTIONS, HANDLER_DEFAULTS } from '../consuming/index.js';
import {
  BUCKET_OPTIONS,
  provisioningRule,
  PUBLISH_DEFAULTS,
  STREAM_DECLARATION_OPTIONS,
} from '../jetstream/index.js';
import { KEY_VALUE_OPTIONS } from '../key-value/index.js';
import {
  type AllOptionsOf,
  filledText,
  flag,
  functionRule,
  list,
  listOf,
  ListOf,
  MapOf,
  text,
  timeLimit,
} from '../validation/index.js';
import type {
  JetStreamFeatureOptions,
  JetStreamModuleExtras,
  JetStreamModuleOptions,
  KeyValueDeclaration,
  ObjectStoreDeclaration,
} from './jetstream-module-options.interface.js';

/** The options of `JetStreamModule.forRoot`. */
export const MODULE_OPTIONS = {
  connection: connectionRule(),
  jetstream: JETSTREAM_OPTIONS,
  codec: codecRule,
  codecs: listOf(codecRule, 'a list of codecs'),
  publish: PUBLISH_DEFAULTS,
  handlers: { ...HANDLER_DEFAULTS, consumers: new MapOf(CONSUMER_OPTIONS) },
  provisioning: provisioningRule,
  bootTimeout: timeLimit,
  shutdownTimeout: timeLimit,
} satisfies AllOptionsOf<JetStreamModuleOptions>;

/** The options of `forRoot` and `forRootAsync` for the module itself. */
export const MODULE_EXTRAS = {
  name: filledText,
  isGlobal: flag,
} satisfies AllOptionsOf<JetStreamModuleExtras>;

/** The options of `forRoot`. Their values are checked when the application starts, like those of a factory. */
export const FOR_ROOT_OPTIONS = {
  ...MODULE_EXTRAS,
  ...Object.fromEntries(Object.keys(MODULE_OPTIONS).map((name) => [name, true as const])),
};

/** The options of `forRootAsync`. */
export const FOR_ROOT_ASYNC_OPTIONS = {
  ...MODULE_EXTRAS,
  imports: list('a list of modules'),
  inject: list('a list of injection tokens'),
  useFactory: functionRule('a function'),
  useClass: functionRule('a class'),
  useExisting: true as const,
  provideInjectionTokensFrom: list('a list of providers'),
};

/** The options of `JetStreamModule.forFeature`. */
export const FEATURE_OPTIONS = {
  streams: new ListOf(STREAM_DECLARATION_OPTIONS, 'a list of streams'),
  keyValues: new ListOf(
    { ...KEY_VALUE_OPTIONS, codec: codecRule, recreate: flag } satisfies AllOptionsOf<KeyValueDeclaration>,
    'a list of buckets',
  ),
  objectStores: new ListOf(
    { ...BUCKET_OPTIONS, recreate: flag } satisfies AllOptionsOf<ObjectStoreDeclaration>,
    'a list of buckets',
  ),
  connection: text,
} satisfies AllOptionsOf<JetStreamFeatureOptions>;
