import { fromNanos, fromTime } from '../../timing/index.js';
import { type ClusterInfo, decodeClusterInfo, type WireClusterInfo } from '../cluster-info.js';
import type { StoredStreamConfig, SubjectTransform } from './stream-config.js';
import { decodeStreamConfig, decodeSubjectTransforms } from './stream-config.wire.js';

/** A stream's configuration and state at one moment. */
export interface StreamInfo {
  readonly config: StoredStreamConfig;
  readonly created: Date;
  readonly state: StreamState;
  /** The JetStream domain, if there is one. */
  readonly domain?: string | undefined;
  /** `undefined` on a single server. */
  readonly cluster?: ClusterInfo | undefined;
  /** The origin, if the stream is a mirror. */
  readonly mirror?: StreamSourceInfo | undefined;
  readonly sources?: readonly StreamSourceInfo[] | undefined;
  /** Mirrors of this stream that may be nearer, best first. */
  readonly alternates?: readonly StreamAlternate[] | undefined;
  /** When the server created this information. nats-server 2.10. */
  readonly timestamp?: Date | undefined;
}

/** The messages of a stream. */
export interface StreamState {
  /** The number of messages. */
  readonly messages: number;
  /** The size of all messages, in bytes. */
  readonly bytes: number;
  readonly firstSequence: number;
  /** `undefined` if the stream is empty. */
  readonly firstTime?: Date | undefined;
  readonly lastSequence: number;
  /** `undefined` if the stream never had a message. */
  readonly lastTime?: Date | undefined;
  readonly consumers: number;
  /** The number of deleted messages between the first and the last. */
  readonly numDeleted: number;
  /** Their sequences, if `deletedDetails` was requested. */
  readonly deleted?: readonly number[] | undefined;
  /** The number of subjects that have messages. */
  readonly numSubjects: number;
  /** The number of messages of each subject, if `subjectFilter` was given. */
  readonly subjects?: Readonly<Record<string, number>> | undefined;
}

/** The state of a mirror or source. */
export interface StreamSourceInfo {
  readonly name: string;
  /** The number of messages it is behind. */
  readonly lag: number;
  /** How long ago the server last received something from it, in milliseconds; `undefined` if it never did. */
  readonly active?: number | undefined;
  readonly filterSubject?: string | undefined;
  readonly subjectTransforms?: readonly SubjectTransform[] | undefined;
  /** The error that stopped it, as the server describes it. */
  readonly error?: string | undefined;
}

/** A mirror that can be read instead of the stream. */
export interface StreamAlternate {
  readonly name: string;
  readonly cluster: string;
  readonly domain?: string;
}

/** The wire format. */
export interface WireStreamInfo {
  readonly config: Readonly<Record<string, unknown>>;
  readonly created: string;
  readonly state: {
    readonly messages: number;
    readonly bytes: number;
    readonly first_seq: number;
    readonly first_ts: string;
    readonly last_seq: number;
    readonly last_ts: string;
    readonly consumer_count: number;
    readonly num_deleted?: number;
    readonly deleted?: readonly number[] | null;
    readonly num_subjects?: number;
    readonly subjects?: Readonly<Record<string, number>>;
  };
  readonly domain?: string;
  readonly cluster?: WireClusterInfo;
  readonly mirror?: WireSourceInfo;
  readonly sources?: readonly WireSourceInfo[];
  readonly alternates?: readonly StreamAlternate[];
  readonly ts?: string;
}

interface WireSourceInfo {
  readonly name: string;
  readonly lag: number;
  readonly active: number;
  readonly filter_subject?: string;
  readonly subject_transforms?: readonly Readonly<Record<string, unknown>>[];
  readonly error?: { readonly description?: string };
}

/** `subjects` contains those of all pages, if they were requested. */
export function decodeStreamInfo(
  wire: WireStreamInfo,
  subjects?: Readonly<Record<string, number>>,
): StreamInfo {
  const { state } = wire;
  return {
    config: decodeStreamConfig(wire.config),
    created: new Date(wire.created),
    state: {
      messages: state.messages,
      bytes: state.bytes,
      firstSequence: state.first_seq,
      firstTime: fromTime(state.first_ts),
      lastSequence: state.last_seq,
      lastTime: fromTime(state.last_ts),
      consumers: state.consumer_count,
      numDeleted: state.num_deleted ?? 0,
      deleted: state.deleted ?? undefined,
      numSubjects: state.num_subjects ?? 0,
      subjects,
    },
    domain: wire.domain,
    cluster: wire.cluster && decodeClusterInfo(wire.cluster),
    mirror: wire.mirror && decodeSourceInfo(wire.mirror),
    sources: wire.sources?.map(decodeSourceInfo),
    alternates: wire.alternates,
    timestamp: fromTime(wire.ts),
  };
}

function decodeSourceInfo(wire: WireSourceInfo): StreamSourceInfo {
  return {
    name: wire.name,
    lag: wire.lag,
    // The server reports -1 if it has not received anything from the source yet.
    active: wire.active < 0 ? undefined : fromNanos(wire.active),
    filterSubject: wire.filter_subject,
    subjectTransforms: wire.subject_transforms && decodeSubjectTransforms(wire.subject_transforms),
    error: wire.error?.description,
  };
}
