import type { StreamInfo } from '../../../jetstream/index.js';
import { ALL_BUCKETS, STREAM_PREFIX } from '../../../key-value/index.js';
import { ANY_BUCKET, bucketOfStream } from '../../../object-store/index.js';
import type { BucketRow } from '../../model/index.js';

/** How the streams of one kind of buckets are found. */
export interface BucketKind {
  /** The subject that selects their streams, and possibly others. */
  readonly subject: string;
  /** The bucket of a stream; `undefined` if it is another stream. */
  readonly bucketOf: (stream: string) => string | undefined;
}

export const BUCKET_KINDS: Readonly<Record<BucketRow['kind'], BucketKind>> = {
  'key-value': {
    subject: ALL_BUCKETS.subject,
    bucketOf: (stream) => (stream.startsWith(STREAM_PREFIX) ? stream.slice(STREAM_PREFIX.length) : undefined),
  },
  'object-store': { subject: ANY_BUCKET, bucketOf: bucketOfStream },
};

/** A bucket in a list. */
export function bucketRow(kind: BucketRow['kind'], { config, state }: StreamInfo): BucketRow {
  const { description, maxAge, maxMessagesPerSubject, name, replicas, sealed, storage } = config;
  return {
    kind,
    name: BUCKET_KINDS[kind].bucketOf(name) ?? name,
    ...(description !== undefined && { description }),
    entries: state.messages,
    bytes: state.bytes,
    ...(kind === 'key-value' && { history: maxMessagesPerSubject }),
    ...(maxAge > 0 && { ttl: maxAge }),
    replicas,
    storage,
    ...(sealed && { sealed }),
  };
}
