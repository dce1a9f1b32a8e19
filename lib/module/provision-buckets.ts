import { Logger } from '@nestjs/common';
import { BucketExistsError, BucketNotFoundError, ConfigMismatchError } from '../errors/index.js';
import {
  configDifferences,
  describeDifferences,
  mergedConfig,
  type OnProvisioned,
  type Provisioning,
} from '../jetstream/index.js';
import type { KeyValue, KeyValueService } from '../key-value/index.js';
import type { ObjectStore, ObjectStoreService } from '../object-store/index.js';
import type { KeyValueDeclaration, ObjectStoreDeclaration } from './jetstream-module-options.interface.js';

const logger = new Logger('JetStreamProvisioning');

/** Creates or updates a Key-Value bucket as declared, or checks that it matches, as {@link provisionStream} does. */
export function provisionKeyValue(
  service: KeyValueService,
  { codec, recreate: _, provisioning, ...config }: KeyValueDeclaration,
  ofConnection: Provisioning,
  onProvisioned: OnProvisioned | undefined,
): Promise<KeyValue> {
  if (codec) service.declareCodec(config.bucket, codec);
  return provisionBucket(
    `Key-Value bucket "${config.bucket}"`,
    service,
    config,
    async (bucket) => (await bucket.status()).config,
    provisioning ?? ofConnection,
    onProvisioned,
  );
}

/**
 * Creates or updates an Object Store bucket as declared, or checks that it matches, as {@link provisionStream} does.
 */
export function provisionObjectStore(
  service: ObjectStoreService,
  { recreate: _, provisioning, ...config }: ObjectStoreDeclaration,
  ofConnection: Provisioning,
  onProvisioned: OnProvisioned | undefined,
): Promise<ObjectStore> {
  return provisionBucket(
    `Object Store bucket "${config.bucket}"`,
    service,
    config,
    async (bucket) => {
      const { description, ttl, maxBytes, storage, replicas, metadata, compressed } = await bucket.status();
      return {
        bucket: config.bucket,
        description,
        ttl,
        maxBytes,
        storage,
        replicas,
        metadata,
        compression: compressed,
      };
    },
    provisioning ?? ofConnection,
    onProvisioned,
  );
}

interface BucketService<Config, Bucket> {
  create(config: Config): Promise<Bucket>;
  update(config: Config): Promise<Bucket>;
  open(bucket: string): Promise<Bucket>;
}

async function provisionBucket<Config extends { readonly bucket: string }, Bucket>(
  what: string,
  service: BucketService<Config, Bucket>,
  config: Config,
  configOf: (bucket: Bucket) => Promise<Config>,
  provisioning: Provisioning,
  onProvisioned: OnProvisioned | undefined,
): Promise<Bucket> {
  let bucket: Bucket;
  try {
    bucket = await service.open(config.bucket);
  } catch (error) {
    if (!(error instanceof BucketNotFoundError)) throw error;
    if (provisioning !== 'ensure') {
      const reason = `provisioning: "${provisioning}" does not create it`;
      throw new BucketNotFoundError(error.kind, error.bucket, { cause: error.cause }, reason);
    }
    const created = await create(what, service, config);
    if (created) {
      onProvisioned?.('created');
      return created;
    }
    // Another instance, or another declaration, created it first.
    bucket = await service.open(config.bucket);
  }
  if (provisioning === 'off') {
    onProvisioned?.('used');
    return bucket;
  }
  const actual = await configOf(bucket);
  const differences = configDifferences(actual, config);
  if (differences.length === 0) {
    onProvisioned?.('unchanged');
    return bucket;
  }
  if (provisioning === 'assert') throw new ConfigMismatchError(what, describeDifferences(differences));
  // Undeclared options keep their values, because operators of the server may have set them.
  const updated = await service.update(mergedConfig(actual, config));
  logger.log(`${what} updated: ${describeDifferences(differences)}`);
  onProvisioned?.('updated');
  return updated;
}

async function create<Config, Bucket>(
  what: string,
  service: BucketService<Config, Bucket>,
  config: Config,
): Promise<Bucket | undefined> {
  try {
    const bucket = await service.create(config);
    logger.log(`${what} created`);
    return bucket;
  } catch (error) {
    if (error instanceof BucketExistsError) return undefined;
    throw error;
  }
}
