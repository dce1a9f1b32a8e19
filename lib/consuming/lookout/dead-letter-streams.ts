import { Logger } from '@nestjs/common';
import { StreamExistsError, StreamNotFoundError } from '../../errors/index.js';
import {
  type DeclaredResources,
  existingStream,
  type JetStreamService,
  type Provisioning,
  type StreamConfig,
} from '../../jetstream/index.js';
import { DEAD_LETTER_STREAM, DEAD_LETTER_SUBJECT } from '../dead-letters/index.js';

/** The stream that keeps advisories about messages that used up their deliveries, until they are processed. */
export const ADVISORY_STREAM = 'DEAD_LETTER_ADVISORIES';

const ADVISORIES = '$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES';
/**
 * How long message ids are remembered: if an instance ends between storing the dead letter and `term`, the message is
 * delivered again.
 */
const DUPLICATE_WINDOW = 3_600_000;

const logger = new Logger('DeadLetters');

/** The connection that the streams are on. */
export interface DeadLetterConnection {
  readonly jetstream: JetStreamService;
  readonly provisioning: Provisioning;
  /** Creates lost streams again. */
  readonly declared: DeclaredResources;
}

/** The subject of the server's advisories about messages that used up their deliveries (ADR-1). */
export function advisorySubject(stream: string, consumer: string): string {
  return `${ADVISORIES}.${stream}.${consumer}`;
}

/**
 * Creates the dead-letter stream if it does not exist. An existing stream is not changed; to configure it, declare it
 * in `JetStreamModule.forFeature`.
 *
 * @throws {@link StreamNotFoundError} if it is missing and must not be created
 */
export async function provisionDeadLetterStream(
  connection: DeadLetterConnection,
  replicas: number,
): Promise<void> {
  await provision(connection, {
    name: DEAD_LETTER_STREAM,
    subjects: [`${DEAD_LETTER_SUBJECT}.>`],
    description: 'Messages that could not be handled, with what failed',
    allowDirect: true,
    duplicateWindow: DUPLICATE_WINDOW,
    replicas,
  });
}

/**
 * Ensures that a stream keeps the advisories of a consumer, and returns its name: an existing stream that listens on
 * them, otherwise a new one. The new stream keeps each advisory only as long as a consumer needs it, so that advisories
 * without a consumer are not stored.
 *
 * @throws {@link StreamNotFoundError} if there is none and it must not be created
 */
export async function provisionAdvisoryStream(
  connection: DeadLetterConnection,
  replicas: number,
  subject: string,
): Promise<string> {
  for await (const name of connection.jetstream.streamNames({ subject })) return name;
  await provision(connection, {
    name: ADVISORY_STREAM,
    subjects: [`${ADVISORIES}.>`],
    description: 'Advisories of messages that used up their deliveries, until their dead letters are stored',
    retention: 'interest',
    replicas,
  });
  return ADVISORY_STREAM;
}

/**
 * Declares the stream, so that it is created again if it is lost in a restart of the server, like streams that the
 * application declares.
 */
async function provision(
  { jetstream, provisioning, declared }: DeadLetterConnection,
  config: StreamConfig,
): Promise<void> {
  try {
    await jetstream.stream(config.name);
  } catch (error) {
    if (!(error instanceof StreamNotFoundError) || provisioning !== 'ensure') throw error;
    await create(jetstream, config);
  }
  if (provisioning !== 'ensure') return;
  const { name } = config;
  declared.add({
    kind: 'stream',
    name,
    stream: name,
    recreate: false,
    create: () => create(jetstream, config),
  });
}

async function create(jetstream: JetStreamService, config: StreamConfig): Promise<void> {
  try {
    await jetstream.createStream(config);
    logger.log(`Stream "${config.name}" created`);
  } catch (error) {
    if (!(error instanceof StreamExistsError)) throw error;
    // Another service creates it, with a different number of replicas.
    await existingStream(jetstream, config.name);
  }
}
