import { Logger } from '@nestjs/common';
import { StreamNameInUseError, StreamNotFoundError } from '../../errors/index.js';
import type {
  DeclaredResources,
  JetStreamService,
  Provisioning,
  StreamConfig,
} from '../../jetstream/index.js';
import { DEAD_LETTER_STREAM, DEAD_LETTER_SUBJECT } from '../dead-letters/index.js';

/** The stream that keeps advisories of messages that used up their deliveries until they are dealt with. */
export const ADVISORY_STREAM = 'DEAD_LETTER_ADVISORIES';

const ADVISORIES = '$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES';
/** How long message ids are remembered: a message whose instance died between dead letter and `term` comes again. */
const DUPLICATE_WINDOW = 3_600_000;

const logger = new Logger('DeadLetters');

/** The connection that the streams are on. */
export interface DeadLetterConnection {
  readonly jetstream: JetStreamService;
  readonly provisioning: Provisioning;
  /** Creates them again if they are lost. */
  readonly declared: DeclaredResources;
}

/** The subject of the server's advisories of messages that used up their deliveries (ADR-1). */
export function advisorySubject(stream: string, consumer: string): string {
  return `${ADVISORIES}.${stream}.${consumer}`;
}

/**
 * Makes the dead-letter stream where there is none yet; one that is there stays as it is, so declare it in
 * `JetStreamModule.forFeature` to have it otherwise.
 *
 * @throws {@link StreamNotFoundError} where it is missing and must not be made
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
 * Makes sure that some stream keeps the advisories of a consumer, and returns its name: one that listens on them
 * already, else one made for it. That keeps each advisory only as long as a consumer waits for it, so that those nobody
 * asks for are not kept at all.
 *
 * @throws {@link StreamNotFoundError} where there is none and it must not be made
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

/** A stream that is lost in a restart of the server is created again, as those that the application declares. */
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
    // Another service was faster, and wanted another number of replicas.
    if (!(error instanceof StreamNameInUseError)) throw error;
  }
}
