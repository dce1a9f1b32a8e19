import type { ConsumerInfo, StreamInfo } from '../../../jetstream/index.js';
import type { ConsumerRow, StreamRow, StreamView } from '../../model/index.js';

/** A stream in a list. */
export function streamRow({ config, state }: StreamInfo): StreamRow {
  const { lastTime } = state;
  return {
    name: config.name,
    subjects: config.subjects ?? [],
    messages: state.messages,
    bytes: state.bytes,
    consumers: state.consumers,
    firstSequence: state.firstSequence,
    lastSequence: state.lastSequence,
    ...(lastTime !== undefined && { lastTime: lastTime.toISOString() }),
    storage: config.storage,
    retention: config.retention,
    replicas: config.replicas,
  };
}

/** A stream with its configuration. */
export function streamDetails(info: StreamInfo): StreamView {
  const leader = info.cluster?.leader;
  return {
    ...streamRow(info),
    created: info.created.toISOString(),
    config: plain(info.config),
    ...(leader !== undefined && { leader }),
  };
}

/** A consumer in a list. */
export function consumerRow(info: ConsumerInfo): ConsumerRow {
  const { config, delivered, ackFloor } = info;
  const { filterSubject, filterSubjects = filterSubject === undefined ? [] : [filterSubject] } = config;
  const pausedUntil = endOfPause(info);
  return {
    name: info.name,
    stream: info.stream,
    filters: filterSubjects,
    isPush: config.deliverSubject !== undefined,
    pending: info.numPending,
    ackPending: info.numAckPending,
    redelivered: info.numRedelivered,
    waiting: info.numWaiting,
    deliveredSequence: delivered.streamSequence,
    ackFloor: ackFloor.streamSequence,
    ...(delivered.lastActive !== undefined && { lastDelivered: delivered.lastActive.toISOString() }),
    ...(pausedUntil !== undefined && { pausedUntil: pausedUntil.toISOString() }),
    config: plain(config),
  };
}

/** The configuration keeps the end of a pause that is over. */
function endOfPause({ config, paused, pauseRemaining = 0 }: ConsumerInfo): Date | undefined {
  return paused ? (config.pauseUntil ?? new Date(Date.now() + pauseRemaining)) : undefined;
}

/** A configuration as JSON: times are text, and options without a value are left out. */
function plain(config: object): Readonly<Record<string, unknown>> {
  return JSON.parse(JSON.stringify(config)) as Readonly<Record<string, unknown>>;
}
