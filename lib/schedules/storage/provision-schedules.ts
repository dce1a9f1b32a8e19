import { Logger } from '@nestjs/common';
import {
  BucketExistsError,
  BucketNotFoundError,
  JetStreamApiError,
  StreamExistsError,
  StreamNotFoundError,
} from '../../errors/index.js';
import {
  type CallOptions,
  type DeclaredResources,
  existingStream,
  type JetStreamService,
  type Provisioning,
  type Stream,
} from '../../jetstream/index.js';
import type { KeyValue, KeyValueService } from '../../key-value/index.js';
import { errorText } from '../../reporting/index.js';
import type { ScheduleStreamOptions } from '../options/index.js';
import { streamSubjects } from './names.js';
import { ScheduleStore } from './schedule-store.js';

/** The connection of schedules. */
export interface ScheduleConnection {
  readonly name: string;
  readonly jetstream: JetStreamService;
  readonly keyValue: KeyValueService;
  readonly provisioning: Provisioning;
  /** Creates lost streams and buckets again. */
  readonly declared: DeclaredResources;
}

const logger = new Logger('Schedules');

/** The oldest server that can run schedules by itself. */
export const SERVER_ENGINE_SINCE = '2.14.0';

/**
 * How many runs of each kind are stored per schedule. They are kept after they were handled, because the last one tells
 * a new leader where to continue.
 */
const KEPT_RUNS = 1_000;
/** How long the server discards a run that was already published, in milliseconds. */
const DUPLICATE_WINDOW = 600_000;

/**
 * Opens the stream and the bucket of schedules, and creates missing ones if `provisioning` allows it. Existing ones are
 * not changed.
 *
 * @throws {@link StreamNotFoundError}, {@link BucketNotFoundError} if one is missing and must not be created
 */
export async function openScheduleStore(
  connection: ScheduleConnection,
  options: ScheduleStreamOptions & { readonly name: string },
): Promise<ScheduleStore> {
  await openStream(connection, options);
  const bucket = await openBucket(connection, options);
  return new ScheduleStore(connection.jetstream, bucket, options.name, () =>
    allowSchedules(connection, options.name),
  );
}

/** Opens the stream and the bucket of schedules without creating them; `undefined` if one is missing. */
export async function openExistingStore(
  connection: ScheduleConnection,
  name: string,
  limits: CallOptions,
): Promise<ScheduleStore | undefined> {
  const { jetstream, keyValue } = connection;
  try {
    await jetstream.stream(name, limits);
    const bucket = await keyValue.open(name, limits);
    const allow = (): Promise<boolean> => allowSchedules({ ...connection, provisioning: 'assert' }, name);
    return new ScheduleStore(jetstream, bucket, name, allow, limits);
  } catch (error) {
    if (error instanceof StreamNotFoundError || error instanceof BucketNotFoundError) return undefined;
    throw error;
  }
}

async function openStream(
  { jetstream, provisioning, declared }: ScheduleConnection,
  { name, replicas, storage }: ScheduleStreamOptions & { readonly name: string },
): Promise<Stream> {
  const create = async (): Promise<Stream> => {
    try {
      const stream = await jetstream.createStream({
        name,
        subjects: streamSubjects(name),
        description: 'The runs of schedules',
        maxMessagesPerSubject: KEPT_RUNS,
        duplicateWindow: DUPLICATE_WINDOW,
        allowDirect: false,
        ...(jetstream.connection.supports(SERVER_ENGINE_SINCE) && { allowMessageSchedules: true }),
        replicas,
        storage,
      });
      logger.log(`Stream "${name}" created`);
      return stream;
    } catch (error) {
      // Another instance created it at the same moment, perhaps from a server of another version.
      if (error instanceof StreamExistsError) return existingStream(jetstream, name);
      throw error;
    }
  };
  let stream: Stream;
  try {
    stream = await jetstream.stream(name);
  } catch (error) {
    if (!(error instanceof StreamNotFoundError) || provisioning !== 'ensure') throw error;
    stream = await create();
  }
  if (provisioning === 'ensure')
    declared.add({ kind: 'stream', name, stream: name, recreate: false, create });
  return stream;
}

/** A stream from before an upgrade of the server does not allow schedules yet. The leader engine does without it. */
async function allowSchedules(
  { jetstream, provisioning }: ScheduleConnection,
  name: string,
): Promise<boolean> {
  const { config } = (await jetstream.stream(name)).cachedInfo;
  if (config.allowMessageSchedules === true) return true;
  if (provisioning !== 'ensure') return false;
  try {
    await jetstream.updateStream({ ...config, allowMessageSchedules: true });
    logger.log(`Stream "${name}" now allows schedules of the server`);
    return true;
  } catch (error) {
    if (!(error instanceof JetStreamApiError)) throw error;
    logger.warn(`Stream "${name}" does not allow schedules of the server: ${errorText(error)}`);
    return false;
  }
}

async function openBucket(
  { keyValue, provisioning, declared }: ScheduleConnection,
  { name, replicas, storage }: ScheduleStreamOptions & { readonly name: string },
): Promise<KeyValue> {
  const create = async (): Promise<KeyValue> => {
    try {
      const bucket = await keyValue.create({
        bucket: name,
        description: 'The state of schedules',
        replicas,
        storage,
      });
      logger.log(`Key-Value bucket "${name}" created`);
      return bucket;
    } catch (error) {
      if (error instanceof BucketExistsError) return keyValue.open(name);
      throw error;
    }
  };
  let bucket: KeyValue;
  try {
    bucket = await keyValue.open(name);
  } catch (error) {
    if (!(error instanceof BucketNotFoundError) || provisioning !== 'ensure') throw error;
    bucket = await create();
  }
  if (provisioning === 'ensure')
    declared.add({ kind: 'key-value', name, stream: `KV_${name}`, recreate: false, create });
  return bucket;
}
