import { Logger } from '@nestjs/common';
import type { Codec } from '../../codecs/index.js';
import { ConfigMismatchError, StreamExistsError, StreamNotFoundError } from '../../errors/index.js';
import { subjectCovers } from '../api/index.js';
import type { JetStreamService } from '../jetstream.service.js';
import type { Stream, StreamConfig } from '../streams/index.js';
import { existingStream } from './existing-stream.js';
import { mergeStream, missingSubjects, withSubjectsOf } from './merge-stream.js';
import {
  type ConfigDifference,
  configDifferences,
  describeDifferences,
  mergedConfig,
  type OnProvisioned,
  type Provisioning,
} from './provisioning.js';

const logger = new Logger('JetStreamProvisioning');

/**
 * How the subjects of a declaration relate to those that a stream has on the server:
 *
 * - `exact`: the stream has the declared subjects and no others. If it has others, the startup fails, because another
 *   application may have declared them.
 * - `merge`: the stream has the declared subjects, and keeps all others. So several applications can declare one stream,
 *   each with its own subjects, and may start at the same time. A declared subject replaces those that it covers, and is
 *   not added if one of the stream covers it. Subjects are never removed.
 */
export type SubjectPolicy = 'exact' | 'merge';

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
  /**
   * What happens to subjects that the stream has on the server and that this declaration does not name; see
   * {@link SubjectPolicy}. Default `exact`: they stop the startup.
   */
  readonly subjectPolicy?: SubjectPolicy | undefined;
  /**
   * How this stream is treated at startup; see {@link Provisioning}. With `off`, it is only looked up, for example because
   * another team owns it. Default: `provisioning` of the module, or of the microservice server.
   */
  readonly provisioning?: Provisioning | undefined;
}

/**
 * Creates or updates a stream as declared, or checks that it matches, depending on `provisioning`: its own, or that of
 * the connection.
 *
 * @throws {@link InvalidArgumentError} if it is also declared with another codec
 * @throws {@link StreamNotFoundError} if it is missing and must not be created
 * @throws {@link ConfigMismatchError} if it differs and must not be changed, or would lose subjects
 * @throws {@link JetStreamApiError} if the server refuses a change: its description names the field
 */
export async function provisionStream(
  jetstream: JetStreamService,
  declaration: StreamDeclaration,
  ofConnection: Provisioning,
  onProvisioned?: OnProvisioned,
): Promise<Stream> {
  const { codec, subjectPolicy = 'exact', provisioning = ofConnection } = declaration;
  const config = streamConfigOf(declaration);
  const stream = await provision(jetstream, config, { provisioning, subjectPolicy, onProvisioned });
  jetstream.declarations.declare(stream.cachedInfo.config, codec);
  return stream;
}

/** The configuration of a declared stream, without the options that only concern this process. */
export function streamConfigOf({
  codec: _,
  recreate: __,
  subjectPolicy: ___,
  provisioning: ____,
  ...config
}: StreamDeclaration): StreamConfig {
  return config;
}

/**
 * Adds declared subjects that are missing in an existing stream: another application had read the stream before they
 * were added, and updated it afterwards; or it created the stream again with its own subjects. Other differences are
 * ignored.
 */
export async function keepSubjects(
  jetstream: JetStreamService,
  declaration: StreamDeclaration,
): Promise<void> {
  let stream: Stream;
  try {
    stream = await jetstream.stream(declaration.name);
  } catch (error) {
    if (error instanceof StreamNotFoundError) return;
    throw error;
  }
  const missing = missingSubjects(stream.cachedInfo.config, declaration);
  if (missing.length === 0) return;
  const list = missing.map((subject) => `"${subject}"`).join(', ');
  logger.warn(
    `Stream "${declaration.name}" does not listen on ${list}: another client created or updated it at the same time. ` +
      'The declared subjects are added again',
  );
  await mergeStream(jetstream, stream, streamConfigOf(declaration));
}

async function provision(
  jetstream: JetStreamService,
  config: StreamConfig,
  {
    provisioning,
    subjectPolicy,
    onProvisioned,
  }: {
    readonly provisioning: Provisioning;
    readonly subjectPolicy: SubjectPolicy;
    readonly onProvisioned: OnProvisioned | undefined;
  },
): Promise<Stream> {
  let stream: Stream;
  try {
    stream = await jetstream.stream(config.name);
  } catch (error) {
    if (!(error instanceof StreamNotFoundError)) throw error;
    if (provisioning !== 'ensure') {
      const reason = `provisioning: "${provisioning}" does not create it`;
      throw new StreamNotFoundError({ stream: config.name }, undefined, reason);
    }
    const created = await create(jetstream, config);
    if (created) {
      onProvisioned?.('created');
      return created;
    }
    // Another instance, or another declaration, created it first.
    stream = await existingStream(jetstream, config.name);
  }
  if (provisioning === 'off') {
    onProvisioned?.('used');
    return stream;
  }
  const actual = stream.cachedInfo.config;
  const wanted = subjectPolicy === 'merge' ? withSubjectsOf(actual, config) : config;
  const differences = configDifferences(actual, wanted);
  if (differences.length === 0) {
    onProvisioned?.('unchanged');
    return stream;
  }
  if (provisioning === 'assert')
    throw new ConfigMismatchError(`Stream "${config.name}"`, describeDifferences(differences));
  const updated =
    subjectPolicy === 'merge'
      ? await mergeStream(jetstream, stream, config)
      : await update(jetstream, stream, config, differences);
  onProvisioned?.('updated');
  return updated;
}

async function update(
  jetstream: JetStreamService,
  stream: Stream,
  config: StreamConfig,
  differences: readonly ConfigDifference[],
): Promise<Stream> {
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
    'add the subjects to the declaration, set subjectPolicy: "merge" in it, or remove them yourself with ' +
      'JetStreamService.updateStream or the nats CLI',
  );
}
