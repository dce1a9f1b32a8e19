import { Logger } from '@nestjs/common';
import type { Codec } from '../../codecs/index.js';
import { ConfigMismatchError, StreamNotFoundError } from '../../errors/index.js';
import type { JetStreamService } from '../jetstream.service.js';
import type { Stream, StreamConfig } from '../streams/index.js';
import { configDifferences, describeDifferences, type Provisioning } from './provisioning.js';

const logger = new Logger('JetStreamProvisioning');

/** A stream as a module declares it. */
export interface StreamDeclaration extends StreamConfig {
  /**
   * Turns the values of this stream into payloads and back, where neither a message nor a handler names another: what is
   * published to its subjects, and what its consumers deliver without a `Content-Type`. Default: the module's.
   */
  readonly codec?: Codec;
}

/**
 * Makes a stream as it is declared, or checks that it is so.
 *
 * @throws {@link InvalidArgumentError} where it is declared with another codec too
 * @throws {@link StreamNotFoundError} where it is missing and must not be made
 * @throws {@link ConfigMismatchError} where it differs and must not be changed
 * @throws {@link JetStreamApiError} where the server refuses a change: its words name the field
 */
export async function provisionStream(
  jetstream: JetStreamService,
  { codec, ...config }: StreamDeclaration,
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
    stream = await jetstream.createStream(config);
    logger.log(`Stream "${config.name}" created`);
    return stream;
  }
  if (provisioning === 'off') return stream;
  const differences = configDifferences(stream.cachedInfo.config, config);
  if (differences.length === 0) return stream;
  if (provisioning === 'assert')
    throw new ConfigMismatchError(`Stream "${config.name}"`, describeDifferences(differences));
  // What is not declared stays as it is: it may have been set by those who run the server.
  const updated = await jetstream.updateStream({ ...stream.cachedInfo.config, ...config });
  logger.log(`Stream "${config.name}" updated: ${describeDifferences(differences)}`);
  return updated;
}
