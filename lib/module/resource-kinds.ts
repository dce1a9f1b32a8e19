import type { CallTable } from '../connection/index.js';
import type { HandlerConnection } from '../handlers/index.js';
import {
  declaredStream,
  keepSubjects,
  provisionStream,
  STREAM_CALLS,
  streamConfigOf,
  type DeclaredResource,
  type OnProvisioned,
  type Stream,
  type StreamDeclaration,
} from '../jetstream/index.js';
import { KEY_VALUE_CALLS, type KeyValue } from '../key-value/index.js';
import { OBJECT_STORE_CALLS, type ObjectStore } from '../object-store/index.js';
import type { KeyValueDeclaration, ObjectStoreDeclaration } from './jetstream-module-options.interface.js';
import { provisionKeyValue, provisionObjectStore } from './provision-buckets.js';
import { getKeyValueToken, getObjectStoreToken, getStreamToken, type Token } from './tokens.js';

/** A kind of resources that features declare. */
export interface ResourceKind<Declaration extends { readonly recreate?: boolean | undefined }, Resource> {
  readonly kind: DeclaredResource['kind'];
  /** The resource with this name in errors, for example `Stream "ORDERS"`. */
  title(name: string): string;
  /** The name of the stream behind the resource. */
  streamOf(name: string): string;
  tokenOf(name: string, connection: string): Token;
  provision(
    connection: HandlerConnection,
    declaration: Declaration,
    onProvisioned?: OnProvisioned,
  ): Promise<Resource>;
  /** Adds what another application has removed at the same time; `undefined` if this cannot happen. */
  repairOf?(connection: HandlerConnection, declaration: Declaration): (() => Promise<unknown>) | undefined;
  /** The resource of an application without a server. Its calls fail. */
  declare(connection: HandlerConnection, declaration: Declaration): Resource;
  /** How the methods of a resource behave before its connection is open. */
  readonly calls: CallTable<Resource>;
}

export const STREAMS: ResourceKind<StreamDeclaration, Stream> = {
  kind: 'stream',
  title: (name) => `Stream "${name}"`,
  streamOf: (name) => name,
  tokenOf: getStreamToken,
  provision: ({ jetstream, provisioning }, declaration, onProvisioned) =>
    provisionStream(jetstream, declaration, provisioning, onProvisioned),
  repairOf: ({ jetstream }, declaration) =>
    declaration.subjectPolicy === 'merge' ? () => keepSubjects(jetstream, declaration) : undefined,
  declare: ({ jetstream }, declaration) => {
    const config = streamConfigOf(declaration);
    const stream = declaredStream(jetstream.api, config);
    jetstream.declarations.declare(config, declaration.codec);
    return stream;
  },
  calls: STREAM_CALLS,
};

export const KEY_VALUES: ResourceKind<KeyValueDeclaration, KeyValue> = {
  kind: 'key-value',
  title: (name) => `Key-Value bucket "${name}"`,
  streamOf: (name) => `KV_${name}`,
  tokenOf: getKeyValueToken,
  provision: ({ keyValue, provisioning }, declaration, onProvisioned) =>
    provisionKeyValue(keyValue, declaration, provisioning, onProvisioned),
  declare: ({ keyValue }, { codec, recreate: _, provisioning: __, ...config }) => {
    if (codec) keyValue.declareCodec(config.bucket, codec);
    return keyValue.declared(config);
  },
  calls: KEY_VALUE_CALLS,
};

export const OBJECT_STORES: ResourceKind<ObjectStoreDeclaration, ObjectStore> = {
  kind: 'object-store',
  title: (name) => `Object Store bucket "${name}"`,
  streamOf: (name) => `OBJ_${name}`,
  tokenOf: getObjectStoreToken,
  provision: ({ objectStore, provisioning }, declaration, onProvisioned) =>
    provisionObjectStore(objectStore, declaration, provisioning, onProvisioned),
  declare: ({ objectStore }, { recreate: _, provisioning: __, ...config }) => objectStore.declared(config),
  calls: OBJECT_STORE_CALLS,
};
