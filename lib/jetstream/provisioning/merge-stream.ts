import { Logger } from '@nestjs/common';
import { ConfigMismatchError } from '../../errors/index.js';
import { Backoff, sleep } from '../../timing/index.js';
import { subjectCovers, subjectsOverlap } from '../api/index.js';
import type { JetStreamService } from '../jetstream.service.js';
import type { Stream, StreamConfig } from '../streams/index.js';
import { configDifferences, describeDifferences, mergedConfig } from './provisioning.js';

const logger = new Logger('JetStreamProvisioning');

/** The waits between an update and the next look at the stream, in milliseconds. */
const BACKOFF = { first: 100, longest: 1_000 };
/** How often subjects are added that updates of other applications remove. */
const MOST_UPDATES = 20;
/** How often other options are set that updates of other applications set to something else. */
const MOST_OPTION_UPDATES = 3;

/**
 * The declaration of a stream whose other subjects stay: a subject that a wider one covers is left out.
 *
 * @throws {@link ConfigMismatchError} if a declared subject and one of the stream match the same messages, but neither
 * covers the other one
 */
export function withSubjectsOf(
  { subjects: listening = [] }: Pick<StreamConfig, 'subjects'>,
  config: StreamConfig,
): StreamConfig {
  const { name, subjects: declared } = config;
  if (declared === undefined) return config;
  const kept = listening.filter((subject) => !isCovered(subject, declared));
  const added = declared.filter((subject) => !isCovered(subject, kept));
  for (const subject of added) {
    const other = kept.find((each) => subjectsOverlap(each, subject));
    if (other !== undefined) throw overlap(name, subject, other);
  }
  return { ...config, subjects: [...kept, ...added] };
}

/**
 * Adds the subjects of a declaration to those of an existing stream, and changes the other options that differ.
 *
 * An update replaces the whole configuration, and the server cannot compare it with the one that the client has read.
 * If two applications update the stream at the same moment, the second update removes the subjects of the first one. So
 * the stream is read again after each update, until nothing is missing.
 *
 * @throws {@link ConfigMismatchError} if subjects overlap, or another application removes them each time
 */
export async function mergeStream(
  jetstream: JetStreamService,
  found: Stream,
  config: StreamConfig,
): Promise<Stream> {
  const backoff = new Backoff(BACKOFF);
  let stream = found;
  for (let updates = 0; ; updates++) {
    const actual = stream.cachedInfo.config;
    const wanted = withSubjectsOf(actual, config);
    const differences = configDifferences(actual, wanted);
    if (differences.length === 0) return stream;
    const missing = missingSubjects(actual, config);
    if (missing.length > 0 ? updates === MOST_UPDATES : updates >= MOST_OPTION_UPDATES) {
      if (missing.length > 0) throw removedAgain(config.name, missing, updates);
      logger.warn(
        `Stream "${config.name}": another application sets options to something else at the same time ` +
          `(${describeDifferences(differences)}). Declare the same options in all applications, or in only one of them`,
      );
      return stream;
    }
    await jetstream.updateStream(mergedConfig(actual, wanted));
    logger.log(`Stream "${config.name}" updated: ${describeDifferences(differences)}`);
    await sleep(backoff.next());
    stream = await jetstream.stream(config.name);
  }
}

/** The declared subjects whose messages a stream does not store. */
export function missingSubjects(
  { subjects: listening = [] }: Pick<StreamConfig, 'subjects'>,
  { subjects: declared = [] }: Pick<StreamConfig, 'subjects'>,
): readonly string[] {
  return declared.filter((subject) => !isCovered(subject, listening));
}

function isCovered(subject: string, by: readonly string[]): boolean {
  return by.some((each) => subjectCovers(each, subject));
}

function overlap(stream: string, subject: string, other: string): ConfigMismatchError {
  return new ConfigMismatchError(
    `Stream "${stream}"`,
    `the declared subject "${subject}" matches some, but not all messages of "${other}", which the stream already ` +
      'listens on, so that a stream cannot have both',
    'declare subjects that do not overlap, or one that covers both',
  );
}

function removedAgain(stream: string, missing: readonly string[], updates: number): ConfigMismatchError {
  const list = missing.map((subject) => `"${subject}"`).join(', ');
  return new ConfigMismatchError(
    `Stream "${stream}"`,
    `${list} was added ${updates} times, and each time another application removed it`,
    'set subjectPolicy: "merge" in every application that declares this stream',
  );
}
