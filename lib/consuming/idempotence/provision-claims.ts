import { Logger } from '@nestjs/common';
import { jsonCodec, type Codec } from '../../codecs/index.js';
import { BucketExistsError, BucketNotFoundError } from '../../errors/index.js';
import type { DeclaredResources, JetStreamService, Provisioning } from '../../jetstream/index.js';
import type { KeyValue, KeyValueService } from '../../key-value/index.js';
import { ClaimBucket, type ClaimRecord } from './claim-bucket.js';
import type { IdempotenceOptions } from './idempotence-options.interface.js';

/** The parts of a handler's connection that are used here. */
interface ClaimConnection {
  readonly jetstream: JetStreamService;
  readonly keyValue: KeyValueService;
  readonly provisioning: Provisioning;
  /** Creates lost buckets again. */
  readonly declared: DeclaredResources;
}

/** A handler, and the part of its plan that is needed here. */
interface PlannedHandler {
  /** The class and method, or the class. */
  readonly handler: string;
  readonly connection: ClaimConnection;
  readonly options: { readonly idempotent?: IdempotenceOptions | undefined };
  /** In milliseconds. */
  readonly running: { readonly ackWait: number };
}

/** A handler that runs once per key. */
interface IdempotentHandler<Handler> {
  readonly planned: Handler;
  readonly handler: string;
  readonly connection: ClaimConnection;
  readonly options: IdempotenceOptions;
  /** In milliseconds. */
  readonly lease: number;
}

const logger = new Logger('Idempotence');
const SECOND = 1_000;

/**
 * Opens the buckets in which handlers store their keys, and creates missing ones if `provisioning` allows it. A bucket
 * keeps values for the longest `ttl` of its handlers; shorter ones are set for each key (nats-server 2.11).
 *
 * @throws {@link BucketNotFoundError} if a bucket is missing and must not be created
 */
export async function provisionClaims<Handler extends PlannedHandler>(
  handlers: readonly Handler[],
): Promise<ReadonlyMap<Handler, ClaimBucket>> {
  const idempotent = handlers.flatMap((planned) => idempotentHandler(planned));
  const buckets = new Map<Handler, ClaimBucket>();
  for (const connection of new Set(idempotent.map((each) => each.connection))) {
    const here = idempotent.filter((each) => each.connection === connection);
    for (const name of new Set(here.map(({ options }) => options.bucket))) {
      const users = here.filter(({ options }) => options.bucket === name);
      const values = await openOrCreate(connection, name, users);
      if (connection.provisioning === 'ensure') declare(connection, name, users);
      const { ttl, limitMarkerTtl } = await values.status();
      for (const user of users) {
        const keyTtl = ownTtl(user, ttl, limitMarkerTtl > 0);
        buckets.set(user.planned, new ClaimBucket(values, connection.jetstream, keyTtl));
      }
    }
  }
  return buckets;
}

/**
 * Declares the bucket, so that it is created again if it is lost in a restart of the server, like buckets that the
 * application declares.
 */
function declare(
  connection: ClaimConnection,
  name: string,
  users: readonly IdempotentHandler<unknown>[],
): void {
  const create = (): Promise<unknown> => openOrCreate(connection, name, users);
  connection.declared.add({ kind: 'key-value', name, stream: `KV_${name}`, recreate: false, create });
}

function idempotentHandler<Handler extends PlannedHandler>(planned: Handler): IdempotentHandler<Handler>[] {
  const { handler, connection, running } = planned;
  const { idempotent: options } = planned.options;
  return options ? [{ planned, handler, connection, options, lease: options.lease ?? running.ackWait }] : [];
}

async function openOrCreate(
  { keyValue, jetstream, provisioning }: ClaimConnection,
  bucket: string,
  users: readonly IdempotentHandler<unknown>[],
): Promise<KeyValue<ClaimRecord>> {
  const typed = { codec: jsonCodec as Codec<ClaimRecord> };
  try {
    return await keyValue.open(bucket, typed);
  } catch (error) {
    if (!(error instanceof BucketNotFoundError) || provisioning !== 'ensure') throw error;
  }
  const ttls = users.map(({ options }) => options.ttl ?? Infinity);
  const longest = Math.max(...ttls);
  const differ = ttls.some((ttl) => ttl !== longest);
  try {
    const created = await keyValue.create(
      {
        bucket,
        description: 'Keys whose handlers run or ran',
        ttl: longest === Infinity ? undefined : longest,
        limitMarkerTtl: differ && jetstream.connection.supports('2.11.0') ? SECOND : undefined,
      },
      typed,
    );
    logger.log(`Key-Value bucket "${bucket}" created`);
    return created;
  } catch (error) {
    // Another instance with other handlers created it at the same moment.
    if (error instanceof BucketExistsError) return keyValue.open(bucket, typed);
    throw error;
  }
}

/** The ttl of a handler's own keys; `undefined` if the bucket's ttl applies. Warns if neither is possible. */
function ownTtl(
  { handler, options: { bucket, ttl }, lease }: IdempotentHandler<unknown>,
  bucketTtl: number,
  takesTtl: boolean,
): number | undefined {
  const needed = Math.max(ttl ?? 0, lease);
  if (bucketTtl > 0 && bucketTtl < needed) {
    logger.warn(
      `${handler}: bucket "${bucket}" deletes keys after ${bucketTtl} ms, but they must be kept for ${needed} ms: ` +
        'raise the ttl of the bucket',
    );
    return undefined;
  }
  if (ttl === undefined || ttl === bucketTtl) return undefined;
  if (takesTtl) return Math.ceil(ttl / SECOND) * SECOND;
  logger.warn(
    `${handler}: bucket "${bucket}" keeps keys ${bucketTtl === 0 ? 'forever' : `for ${bucketTtl} ms`}, longer than the ` +
      `${ttl} ms of idempotent.ttl: set that ttl on the bucket, or set limitMarkerTtl (nats-server 2.11)`,
  );
  return undefined;
}
