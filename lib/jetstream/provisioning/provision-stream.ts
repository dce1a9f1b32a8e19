import { Logger } from '@nestjs/common';
import type { Codec } from '../../codecs/index.js';
import { ConfigMismatchError, StreamExistsError, StreamNotFoundError } from '../../errors/index.js';
import { subjectCovers } from '../api/index.js';
import type { JetStreamService } from '../jetstream.service.js';
import type { Stream, StreamConfig } from '../streams/index.js';
import { configDifferences, describeDifferences, mergedConfig, type Provisioning } from './provisioning.js';

const logger = new Logger('JetStreamProvisioning');

/** A stream as a module declares it. */
export interface StreamDeclaration extends StreamConfig {
  /**
   * Encodes and decodes the values of this stream if neither a message nor a handler names another codec: messages
   * published to its subjects, and messages of its consumers without a `Content-Type`. Default: the module's.
   */
  readonly codec?: Codec | undefined;
  /**
   * Also creates the stream again if it was deleted while the server was running. A stream that is lost in a restart of
   * the server is always created again with `provisioning: 'ensure'`. Default `false`.
   */
  readonly recreate?: boolean | undefined;
}

/**
 * Creates or updates a stream as declared, or checks that it matches, depending on `provisioning`.
 *
 * @throws {@link InvalidArgumentError} if it is also declared with another codec
 * @throws {@link StreamNotFoundError} if it is missing and must not be created
 * @throws {@link ConfigMismatchError} if it differs and must not be changed, or would lose subjects
 * @throws {@link JetStreamApiError} if the server refuses a change: its description names the field
 */
export async function provisionStream(
  jetstream: JetStreamService,
  { codec, recreate: _, ...config }: StreamDeclaration,
  provisioning: Provisioning,
): Promise<Stream> {
  const stream = await provision(jetstream, config, provisioning);
  jetstream.declarations.declare(stream.cachedInfo.config, codec);
  return stream;
}

async function provision(
  jetstream: JetStreamService,
  config: StreamConfig,
  provisioning: Provisioning,
): Promise<Stream> {
  let stream: Stream;
  try {
    stream = await jetstream.stream(config.name);
  } catch (error) {
    if (!(error instanceof StreamNotFoundError) || provisioning !== 'ensure') throw error;
    const created = await create(jetstream, config);
    if (created) return created;
    // Another instance, or another declaration, created it first.
    stream = await jetstream.stream(config.name);
  }
  if (provisioning === 'off') return stream;
  const differences = configDifferences(stream.cachedInfo.config, config);
  if (differences.length === 0) return stream;
  if (provisioning === 'assert')
    throw new ConfigMismatchError(`Stream "${config.name}"`, describeDifferences(differences));
  checkSubjects(stream, config);
  // Undeclared options keep their values, because operators of the server may have set them.
  const updated = await jetstream.updateStream(mergedConfig(stream.cachedInfo.config, config));
  logger.log(`Stream "${config.name}" updated: ${describeDifferences(differences)}`);
  return updated;
}

async function create(jetstream: JetStreamService, config: StreamConfig): Promise<Stream | undefined> {
  try {
    const stream = await jetstream.createStream(config);
    logger.log(`Stream "${config.name}" created`);
    return stream;
  } catch (error) {
    if (error instanceof StreamExistsError) return undefined;
    throw error;
  }
}

/**
 * Refuses to remove subjects: another service may have declared them, and its messages would no longer be stored.
 *
 * @throws {@link ConfigMismatchError}
 */
function checkSubjects(stream: Stream, { subjects }: StreamConfig): void {
  if (subjects === undefined) return;
  const { subjects: listening = [] } = stream.cachedInfo.config;
  const lost = listening.filter((subject) => !subjects.some((declared) => subjectCovers(declared, subject)));
  if (lost.length === 0) return;
  const list = lost.map((subject) => `"${subject}"`).join(', ');
  throw new ConfigMismatchError(
    `Stream "${stream.name}"`,
    `it listens on ${list}, which the declaration does not contain; another service may have declared this`,
    'add the subjects to the declaration, or remove them yourself with JetStreamService.updateStream or the nats CLI',
  );
}
