import { codecRule } from '../codecs/index.js';
import { connectionRule, JETSTREAM_OPTIONS } from '../connection/index.js';
import { CONSUMER_OPTIONS, HANDLER_DEFAULTS } from '../consuming/index.js';
import { isMessageContract } from '../contracts/index.js';
import { DISCOVERY_OPTIONS } from '../discovery/index.js';
import { instrumentsRule } from '../instruments/index.js';
import {
  BUCKET_OPTIONS,
  provisioningRule,
  PUBLISH_DEFAULTS,
  STREAM_DECLARATION_OPTIONS,
} from '../jetstream/index.js';
import { SCHEDULE_DEFAULTS } from '../schedules/index.js';
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
  required,
  rule,
  text,
  timeLimit,
} from '../validation/index.js';
import type {
  JetStreamFeatureAsyncOptions,
  JetStreamFeatureOptions,
  JetStreamModuleExtras,
  JetStreamModuleOptions,
  KeyValueDeclaration,
  KeyValueDeclarationFactory,
  ObjectStoreDeclaration,
  ObjectStoreDeclarationFactory,
  StreamDeclarationFactory,
} from './jetstream-module-options.interface.js';

/** The options of `JetStreamModule.forRoot`. */
export const MODULE_OPTIONS = {
  connection: connectionRule(),
  connect: rule("true, false or 'lazy'", (value) => typeof value === 'boolean' || value === 'lazy'),
  jetstream: JETSTREAM_OPTIONS,
  codec: codecRule,
  codecs: listOf(codecRule, 'a list of codecs'),
  publish: PUBLISH_DEFAULTS,
  instruments: instrumentsRule,
  discovery: DISCOVERY_OPTIONS,
  handlers: { ...HANDLER_DEFAULTS, autoStart: flag, consumers: new MapOf(CONSUMER_OPTIONS) },
  schedules: SCHEDULE_DEFAULTS,
  provisioning: provisioningRule,
  bootSummary: rule("true, false or 'account'", (value) => typeof value === 'boolean' || value === 'account'),
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

/** The options of {@link KeyValueDeclaration}. */
export const KEY_VALUE_DECLARATION_OPTIONS = {
  ...KEY_VALUE_OPTIONS,
  codec: codecRule,
  recreate: flag,
  provisioning: provisioningRule,
} satisfies AllOptionsOf<KeyValueDeclaration>;

/** The options of {@link ObjectStoreDeclaration}. */
export const OBJECT_STORE_DECLARATION_OPTIONS = {
  ...BUCKET_OPTIONS,
  recreate: flag,
  provisioning: provisioningRule,
} satisfies AllOptionsOf<ObjectStoreDeclaration>;

const messages = listOf(
  rule('a message contract: what defineMessage returned', isMessageContract),
  'a list of message contracts',
);

/** The options of `JetStreamModule.forFeature`. */
export const FEATURE_OPTIONS = {
  streams: new ListOf(STREAM_DECLARATION_OPTIONS, 'a list of streams'),
  keyValues: new ListOf(KEY_VALUE_DECLARATION_OPTIONS, 'a list of buckets'),
  objectStores: new ListOf(OBJECT_STORE_DECLARATION_OPTIONS, 'a list of buckets'),
  messages,
  connection: text,
} satisfies AllOptionsOf<JetStreamFeatureOptions>;

const FACTORY = {
  inject: list('a list of injection tokens'),
  useFactory: required(functionRule('a function')),
};

/** The options of `JetStreamModule.forFeatureAsync`. */
export const FEATURE_ASYNC_OPTIONS = {
  imports: list('a list of modules'),
  streams: new ListOf(
    { name: STREAM_DECLARATION_OPTIONS.name, ...FACTORY } satisfies AllOptionsOf<StreamDeclarationFactory>,
    'a list of streams',
  ),
  keyValues: new ListOf(
    { bucket: KEY_VALUE_OPTIONS.bucket, ...FACTORY } satisfies AllOptionsOf<KeyValueDeclarationFactory>,
    'a list of buckets',
  ),
  objectStores: new ListOf(
    { bucket: BUCKET_OPTIONS.bucket, ...FACTORY } satisfies AllOptionsOf<ObjectStoreDeclarationFactory>,
    'a list of buckets',
  ),
  messages,
  connection: text,
} satisfies AllOptionsOf<JetStreamFeatureAsyncOptions>;
