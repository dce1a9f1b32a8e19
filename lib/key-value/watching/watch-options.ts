import { InvalidArgumentError } from '../../errors/index.js';
import type { OrderedPushStart } from '../../jetstream/index.js';
import { optionsCheck } from '../../validation/index.js';
import { validateRevision } from '../bucket-reader.js';

/** What a watch delivers. */
export interface KeyValueWatchOptions {
  /** Begins with all that the bucket keeps of each key, not only the last change. Default `false`. */
  readonly includeHistory?: boolean | undefined;
  /** Delivers only what changes from now on. Not together with `includeHistory` or `resumeFromRevision`. Default `false`. */
  readonly updatesOnly?: boolean | undefined;
  /** Leaves out deleted and purged keys. Default `false`. */
  readonly ignoreDeletes?: boolean | undefined;
  /** Delivers keys, revisions and operations without values. Default `false`. */
  readonly metaOnly?: boolean | undefined;
  /**
   * Begins with that revision, and delivers every change since. The revision after the last one waits for the next change. A
   * later one is refused with {@link RevisionNotReachedError}: it cannot have been remembered from this bucket, or the bucket
   * lost its end. (A mirror may be behind, so any revision is accepted; what it lacked is delivered when it has it.) If the
   * bucket was deleted and created again since it was opened, the watch begins at its start, whatever the revision.
   */
  readonly resumeFromRevision?: number | undefined;
}

/** @throws {@link InvalidArgumentError} */
export const checkWatchOptions = optionsCheck<KeyValueWatchOptions>('watch', {
  ignoreDeletes: true,
  includeHistory: true,
  metaOnly: true,
  resumeFromRevision: true,
  updatesOnly: true,
});

/** @throws {@link InvalidArgumentError} where options contradict one another */
export function watchStart(options: KeyValueWatchOptions): OrderedPushStart {
  const { includeHistory, updatesOnly, resumeFromRevision } = options;
  if (updatesOnly && (includeHistory || resumeFromRevision !== undefined)) {
    throw new InvalidArgumentError(
      'updatesOnly',
      'not together with includeHistory or resumeFromRevision: they ask for what was before',
    );
  }
  if (resumeFromRevision !== undefined) {
    validateRevision(resumeFromRevision, 1);
    return { startSequence: resumeFromRevision };
  }
  if (updatesOnly) return { policy: 'new' };
  return { policy: includeHistory ? 'all' : 'last_per_subject' };
}
