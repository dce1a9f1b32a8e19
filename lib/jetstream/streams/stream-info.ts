import { fromNanos, fromTime } from '../../timing/index.js';
import { type ClusterInfo, decodeClusterInfo, type WireClusterInfo } from '../cluster-info.js';
import type { StoredStreamConfig, SubjectTransform } from './stream-config.js';
import { decodeStreamConfig, decodeSubjectTransforms } from './stream-config.wire.js';

/** A stream's configuration and state at one moment. */
export interface StreamInfo {
  readonly config: StoredStreamConfig;
  readonly created: Date;
  readonly state: StreamState;
  /** The JetStream domain, where there is one. */
  readonly domain?: string | undefined;
  /** `undefined` on a single server. */
  readonly cluster?: ClusterInfo | undefined;
  /** The origin, where the stream is a mirror. */
  readonly mirror?: StreamSourceInfo | undefined;
  readonly sources?: readonly StreamSourceInfo[] | undefined;
  /** Mirrors of this stream that may be nearer, best first. */
  readonly alternates?: readonly StreamAlternate[] | undefined;
  /** When the server gathered this. nats-server 2.10. */
  readonly timestamp?: Date | undefined;
}

/** What a stream holds. */
export interface StreamState {
  /** How many messages. */
  readonly messages: number;
  /** Their size. */
  readonly bytes: number;
  readonly firstSequence: number;
  /** `undefined` where the stream is empty. */
  readonly firstTime?: Date | undefined;
  readonly lastSequence: number;
  /** `undefined` where the stream never had a message. */
  readonly lastTime?: Date | undefined;
  readonly consumers: number;
  /** How many messages are missing between the first and the last. */
  readonly numDeleted: number;
  /** Their sequences, where `deletedDetails` was asked for. */
  readonly deleted?: readonly number[] | undefined;
  /** How many subjects have messages. */
  readonly numSubjects: number;
  /** How many messages each subject has, where `subjectFilter` was given. */
  readonly subjects?: Readonly<Record<string, number>> | undefined;
}

/** How a mirror or source is getting on. */
export interface StreamSourceInfo {
  readonly name: string;
  /** How many messages it is behind. */
  readonly lag: number;
  /** How long ago it was last heard of, in milliseconds; `undefined` where it never was. */
  readonly active?: number | undefined;
  readonly filterSubject?: string | undefined;
  readonly subjectTransforms?: readonly SubjectTransform[] | undefined;
  /** Why it does not go on, in the server's words. */
  readonly error?: string | undefined;
}

/** A mirror that can be read instead of the stream. */
export interface StreamAlternate {
  readonly name: string;
  readonly cluster: string;
  readonly domain?: string;
}

/** @internal The wire's form. */
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

/** @internal `subjects` are those of all pages, where they were asked for. */
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
    // The server says -1 where it has not heard of the source yet.
    active: wire.active < 0 ? undefined : fromNanos(wire.active),
    filterSubject: wire.filter_subject,
    subjectTransforms: wire.subject_transforms && decodeSubjectTransforms(wire.subject_transforms),
    error: wire.error?.description,
  };
}
