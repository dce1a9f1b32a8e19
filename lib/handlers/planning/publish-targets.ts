import type { PublishToMetadata } from '../../consuming/index.js';
import { readOptions } from '../../validation/index.js';
import { getPublishTargets } from '../decorators/index.js';
import { PUBLISH_TO_OPTIONS } from '../options/index.js';

/** Where the results of a method go. */
export interface PublishTargets {
  readonly targets: readonly PublishToMetadata[];
  /** What is wrong with the options of the decorators. */
  readonly mistakes: readonly string[];
}

/** Reads the options of all {@link PublishTo} of a method. */
export function readPublishTargets(callback: object): PublishTargets {
  const read = getPublishTargets(callback).map(({ subject, options: given }) => {
    const { options, problems } = readOptions<PublishToMetadata['options']>(given, PUBLISH_TO_OPTIONS);
    return {
      target: { subject, options },
      mistakes: problems.map(({ sentence }) => `@PublishTo: ${sentence}`),
    };
  });
  return {
    targets: read.map(({ target }) => target),
    mistakes: read.flatMap(({ mistakes }) => mistakes),
  };
}
