import { Logger } from '@nestjs/common';
import type { Codec } from '../../codecs/index.js';
import { ConfigMismatchError, StreamNameInUseError, StreamNotFoundError } from '../../errors/index.js';
import { subjectCovers } from '../api/index.js';
import type { JetStreamService } from '../jetstream.service.js';
import type { Stream, StreamConfig } from '../streams/index.js';
import { configDifferences, describeDifferences, mergedConfig, type Provisioning } from './provisioning.js';

const logger = new Logger('JetStreamProvisioning');

/** A stream as a module declares it. */
export interface StreamDeclaration extends StreamConfig {
  /**
   * Turns the values of this stream into payloads and back, where neither a message nor a handler names another: what is
   * published to its subjects, and what its consumers deliver without a `Content-Type`. Default: the module's.
   */
  readonly codec?: Codec | undefined;
  /**
   * Creates it again also when it was deleted while the server ran. What is lost in a restart of the server is created again
   * in any case, with `provisioning: 'ensure'`. Default `false`.
   */
  readonly recreate?: boolean | undefined;
}

/**
 * Makes a stream as it is declared, or checks that it is so.
 *
 * @throws {@link InvalidArgumentError} where it is declared with another codec too
 * @throws {@link StreamNotFoundError} where it is missing and must not be made
 * @throws {@link ConfigMismatchError} where it differs and must not be changed, or would lose subjects
 * @throws {@link JetStreamApiError} where the server refuses a change: its words name the field
 */
export async function provisionStream(
  jetstream: JetStreamService,
  { codec, recreate: _, ...config }: StreamDeclaration,
  provisioning: Provisioning,
): Promise<Stream> {
  const stream = await provision(jetstream, config, provisioning);
  if (codec) jetstream.codecs.declare(stream.cachedInfo.config, codec);
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
    // Another instance, or another declaration, was faster.
    stream = await jetstream.stream(config.name);
  }
  if (provisioning === 'off') return stream;
  const differences = configDifferences(stream.cachedInfo.config, config);
  if (differences.length === 0) return stream;
  if (provisioning === 'assert')
    throw new ConfigMismatchError(`Stream "${config.name}"`, describeDifferences(differences));
  checkSubjects(stream, config);
  // What is not declared stays as it is: it may have been set by those who run the server.
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
    if (error instanceof StreamNameInUseError) return undefined;
    throw error;
  }
}

/**
 * Refuses to take away subjects: another service may have declared them, and would publish to nobody.
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
    `it listens on ${list}, which this declaration lacks: another service may have declared that`,
    'add the subjects to the declaration, or take them away yourself with JetStreamService.updateStream or the nats tool',
  );
}
