import { Inject } from '@nestjs/common';
import { DeadLetters } from '../consuming/index.js';
import type { MessageContract } from '../contracts/index.js';
import { InvalidArgumentError } from '../errors/index.js';
import { JetStreamInstances } from '../discovery/index.js';
import { JetStreamService } from '../jetstream/index.js';
import { KeyValueService } from '../key-value/index.js';
import { ObjectStoreService } from '../object-store/index.js';
import { propertyOf, shown } from '../reporting/index.js';

/** The name of the connection if none is given. */
export const DEFAULT_CONNECTION = 'default';

/** A token that `InjectionToken` of Nest and `get` of its applications accept. */
export type Token = string | (abstract new (...args: never[]) => unknown);

/** The injection token of a connection's `NatsConnection`. */
export function getNatsConnectionToken(connection = DEFAULT_CONNECTION): Token {
  return `NatsConnection:${connection}`;
}

/** The injection token of a connection's {@link JetStreamService}: the class itself for the default connection. */
export function getJetStreamToken(connection = DEFAULT_CONNECTION): Token {
  return connection === DEFAULT_CONNECTION ? JetStreamService : `JetStreamService:${connection}`;
}

/** The injection token of a connection's {@link KeyValueService}: the class itself for the default connection. */
export function getKeyValueServiceToken(connection = DEFAULT_CONNECTION): Token {
  return connection === DEFAULT_CONNECTION ? KeyValueService : `KeyValueService:${connection}`;
}

/** The injection token of a connection's {@link ObjectStoreService}: the class itself for the default connection. */
export function getObjectStoreServiceToken(connection = DEFAULT_CONNECTION): Token {
  return connection === DEFAULT_CONNECTION ? ObjectStoreService : `ObjectStoreService:${connection}`;
}

/** The injection token of a connection's {@link DeadLetters}: the class itself for the default connection. */
export function getDeadLettersToken(connection = DEFAULT_CONNECTION): Token {
  return connection === DEFAULT_CONNECTION ? DeadLetters : `DeadLetters:${connection}`;
}

/** The injection token of a connection's {@link JetStreamInstances}: the class itself for the default connection. */
export function getJetStreamInstancesToken(connection = DEFAULT_CONNECTION): Token {
  return connection === DEFAULT_CONNECTION ? JetStreamInstances : `JetStreamInstances:${connection}`;
}

/** The injection token of a connection for `forFeature`, which every module can inject. */
export function getFeatureConnectionToken(connection: string): string {
  return `FeatureConnection:${connection}`;
}

/** The injection token of the checked options of a connection, inside the module that opens it. */
export function getModuleOptionsToken(connection: string): string {
  return `JetStreamModuleOptions:${connection}`;
}

/** The injection token of a stream that `forFeature` declares. */
export function getStreamToken(stream: string, connection = DEFAULT_CONNECTION): Token {
  return `Stream:${connection}:${stream}`;
}

/** The injection token of a Key-Value bucket that `forFeature` declares. */
export function getKeyValueToken(bucket: string, connection = DEFAULT_CONNECTION): Token {
  return `KeyValue:${connection}:${bucket}`;
}

/** The injection token of an Object Store bucket that `forFeature` declares. */
export function getObjectStoreToken(bucket: string, connection = DEFAULT_CONNECTION): Token {
  return `ObjectStore:${connection}:${bucket}`;
}

/**
 * The injection token of the {@link MessagePublisher} of a message that `forFeature` declares.
 *
 * @throws {@link InvalidArgumentError} if it is not a message, for example in a cycle of imports
 */
export function getPublisherToken(
  message: Pick<MessageContract, 'template'>,
  connection = DEFAULT_CONNECTION,
): Token {
  const template = propertyOf(message, 'template');
  if (typeof template === 'string') return `MessagePublisher:${connection}:${template}`;
  throw new InvalidArgumentError(
    'message',
    `${shown(message)} of @InjectPublisher or getPublisherToken is not what defineMessage returned: check for a cycle of imports`,
  );
}

/** Injects a connection's `NatsConnection`. */
export function InjectNatsConnection(connection?: string): ParameterDecorator & PropertyDecorator {
  return Inject(getNatsConnectionToken(connection));
}

/** Injects a connection's {@link JetStreamService}. */
export function InjectJetStream(connection?: string): ParameterDecorator & PropertyDecorator {
  return Inject(getJetStreamToken(connection));
}

/** Injects a connection's {@link KeyValueService}. */
export function InjectKeyValueService(connection?: string): ParameterDecorator & PropertyDecorator {
  return Inject(getKeyValueServiceToken(connection));
}

/** Injects a connection's {@link ObjectStoreService}. */
export function InjectObjectStoreService(connection?: string): ParameterDecorator & PropertyDecorator {
  return Inject(getObjectStoreServiceToken(connection));
}

/** Injects a connection's {@link DeadLetters}. */
export function InjectDeadLetters(connection?: string): ParameterDecorator & PropertyDecorator {
  return Inject(getDeadLettersToken(connection));
}

/** Injects a connection's {@link JetStreamInstances}. */
export function InjectJetStreamInstances(connection?: string): ParameterDecorator & PropertyDecorator {
  return Inject(getJetStreamInstancesToken(connection));
}

/** Injects a {@link Stream} that `JetStreamModule.forFeature({ streams })` declares. */
export function InjectStream(stream: string, connection?: string): ParameterDecorator & PropertyDecorator {
  return Inject(getStreamToken(stream, connection));
}

/** Injects a {@link KeyValue} bucket that `JetStreamModule.forFeature({ keyValues })` declares. */
export function InjectKeyValue(bucket: string, connection?: string): ParameterDecorator & PropertyDecorator {
  return Inject(getKeyValueToken(bucket, connection));
}

/** Injects an {@link ObjectStore} bucket that `JetStreamModule.forFeature({ objectStores })` declares. */
export function InjectObjectStore(
  bucket: string,
  connection?: string,
): ParameterDecorator & PropertyDecorator {
  return Inject(getObjectStoreToken(bucket, connection));
}

/**
 * Injects the {@link MessagePublisher} of a message that `JetStreamModule.forFeature({ messages })` declares. The
 * parameter has the type `MessagePublisher<typeof OrderPlaced>`.
 *
 * @throws {@link InvalidArgumentError} if it is not a message, for example in a cycle of imports
 */
export function InjectPublisher(
  message: Pick<MessageContract, 'template'>,
  connection?: string,
): ParameterDecorator & PropertyDecorator {
  return Inject(getPublisherToken(message, connection));
}
