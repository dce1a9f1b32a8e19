import { InvalidArgumentError } from '../../errors/index.js';
import { CALL_OPTIONS, type CallOptions, type OrderedPushStart } from '../../jetstream/index.js';
import { optionsCheck } from '../../validation/index.js';
import { validateRevision } from '../bucket-reader.js';

/** Options of a watch. `timeout` and `signal` apply until it is active. */
export type KeyValueWatchOptions = (
  | {
      /** Delivers only changes from now on. Default `false`. */
      readonly updatesOnly?: boolean | undefined;
      readonly includeHistory?: false | undefined;
      readonly resumeFromRevision?: undefined;
    }
  | {
      readonly updatesOnly?: false | undefined;
      /** Starts with the whole history of each key, not only the last change. Default `false`. */
      readonly includeHistory?: boolean | undefined;
      /**
       * Starts with this revision, and delivers every change since. With the revision after the last one, the watch
       * waits for the next change. A higher one is refused with {@link RevisionNotReachedError}: it cannot be from this
       * bucket, or the bucket lost its newest changes. (A mirror may be behind, so any revision is accepted, and
       * missing changes are delivered when they arrive.) If the bucket was deleted and created again since it was
       * opened, the watch starts at its beginning, regardless of the revision.
       */
      readonly resumeFromRevision?: number | undefined;
    }
) &
  CallOptions & {
    /** Skips deleted and purged keys. Default `false`. */
    readonly ignoreDeletes?: boolean | undefined;
    /** Delivers keys, revisions and operations without values. Default `false`. */
    readonly metaOnly?: boolean | undefined;
  };

/** @throws {@link InvalidArgumentError} */
export const checkWatchOptions = optionsCheck<KeyValueWatchOptions>('watch', {
  ...CALL_OPTIONS,
  ignoreDeletes: true,
  includeHistory: true,
  metaOnly: true,
  resumeFromRevision: true,
  updatesOnly: true,
});

/** @throws {@link InvalidArgumentError} if options contradict each other */
export function watchStart(options: KeyValueWatchOptions): OrderedPushStart {
  const { includeHistory, updatesOnly, resumeFromRevision } = options;
  if (updatesOnly && (includeHistory || resumeFromRevision !== undefined)) {
    throw new InvalidArgumentError(
      'updatesOnly',
      'it cannot be combined with includeHistory or resumeFromRevision, which request earlier changes',
    );
  }
  if (resumeFromRevision !== undefined) {
    validateRevision(resumeFromRevision, 1);
    return { startSequence: resumeFromRevision };
  }
  if (updatesOnly) return { policy: 'new' };
  return { policy: includeHistory ? 'all' : 'last_per_subject' };
}
