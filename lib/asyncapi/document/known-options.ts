import { InvalidArgumentError } from '../../errors/index.js';
import { JetStreamServer } from '../../microservice/index.js';
import { isInstance } from '../../reporting/index.js';
import {
  type AllOptionsOf,
  checkedOptions,
  filledText,
  listOf,
  ListOf,
  MapOf,
  required,
  rule,
  text,
} from '../../validation/index.js';
import type { AsyncApiExternalDocs, AsyncApiInfo, AsyncApiTag } from './asyncapi-document.interface.js';
import type { AsyncApiOptions, AsyncApiServerOptions } from './asyncapi-options.interface.js';

const isAddress = (value: unknown): boolean => typeof value === 'string' && URL.canParse(value);

const address = rule('an address, such as "https://example.com"', isAddress);

/** A part of a host could be a user and a password. */
const host = rule(
  'host and port, such as "nats.example.com:4222", without a user',
  (value) => typeof value === 'string' && /^[^\s@]+$/.test(value),
);

const EXTERNAL_DOCS = {
  url: required(address),
  description: text,
} satisfies AllOptionsOf<AsyncApiExternalDocs>;

const TAG = {
  name: required(filledText),
  description: text,
  externalDocs: EXTERNAL_DOCS,
} satisfies AllOptionsOf<AsyncApiTag>;

const INFO = {
  title: required(filledText),
  version: required(filledText),
  description: text,
  termsOfService: address,
  contact: { name: text, url: address, email: filledText },
  license: { name: required(filledText), url: address },
  tags: new ListOf(TAG, 'a list of tags'),
  externalDocs: EXTERNAL_DOCS,
} satisfies AllOptionsOf<AsyncApiInfo>;

const SERVER = {
  host,
  protocol: filledText,
  title: text,
  summary: text,
  description: text,
  tags: new ListOf(TAG, 'a list of tags'),
  externalDocs: EXTERNAL_DOCS,
} satisfies AllOptionsOf<AsyncApiServerOptions>;

/** The options of {@link createAsyncApiDocument}. */
export const ASYNC_API_OPTIONS = {
  info: INFO,
  id: rule('a URI, such as "urn:com:example:shop"', isAddress),
  servers: new MapOf(SERVER),
  microservices: listOf(
    rule('a JetStreamServer', (value) => isInstance(value, JetStreamServer)),
    'a list of JetStreamServers',
  ),
} satisfies AllOptionsOf<AsyncApiOptions>;

/**
 * @param whose the owner of the options
 * @throws {@link InvalidArgumentError}
 */
export function checkOptions(options: AsyncApiOptions, whose = 'createAsyncApiDocument'): AsyncApiOptions {
  const read = checkedOptions<AsyncApiOptions>(whose, options, ASYNC_API_OPTIONS);
  if ((read.info as AsyncApiInfo | undefined) !== undefined) return read;
  throw new InvalidArgumentError('info', 'set it to an object with title and version');
}
