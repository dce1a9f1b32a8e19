import { InvalidArgumentError } from '../errors/index.js';
import type { OrderedPushStart } from '../jetstream/index.js';
import { validateRevision } from './bucket-reader.js';

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
  /** Begins with that revision, and delivers every change since. */
  readonly resumeFromRevision?: number | undefined;
}

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
