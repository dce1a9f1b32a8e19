import type { PublishToMetadata } from '../../consuming/index.js';
import { readOptions } from '../../validation/index.js';
import { getPublishTargets } from '../decorators/index.js';
import { PUBLISH_MESSAGE_OPTIONS, PUBLISH_TO_OPTIONS } from '../options/index.js';

/** The subjects to which the results of a method are published. */
export interface PublishTargets {
  readonly targets: readonly PublishToMetadata[];
  /** Problems with the options of the decorators. */
  readonly mistakes: readonly string[];
}

/** Reads the options of all {@link PublishTo} decorators of a method. */
export function readPublishTargets(callback: object): PublishTargets {
  const read = getPublishTargets(callback).map(({ options: given, ...target }) => {
    const known = target.contract === undefined ? PUBLISH_TO_OPTIONS : PUBLISH_MESSAGE_OPTIONS;
    const { options, problems } = readOptions<PublishToMetadata['options']>(given, known);
    return {
      target: { ...target, options },
      mistakes: problems.map(({ sentence }) => `@PublishTo: ${sentence}`),
    };
  });
  return {
    targets: read.map(({ target }) => target),
    mistakes: read.flatMap(({ mistakes }) => mistakes),
  };
}
