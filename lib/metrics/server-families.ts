import type { ConsumerInfo, StreamInfo } from '../jetstream/index.js';
import type { Family, Labels, Sample } from './family.js';
import type { ServerFigures, ServerFiguresReader } from './server-figures.js';

type Figure<Info> = readonly [name: string, help: string, value: (info: Info) => number | undefined];

/**
 * The names are those of prometheus-nats-exporter with `-prefix nats`, as its Helm chart sets it, so that dashboards for it
 * work: https://github.com/nats-io/prometheus-nats-exporter/blob/main/collector/jsz.go
 */
const STREAMS: readonly Figure<StreamInfo>[] = [
  ['nats_stream_total_messages', 'Total number of messages from a stream', ({ state }) => state.messages],
  ['nats_stream_total_bytes', 'Total stored bytes from a stream', ({ state }) => state.bytes],
  ['nats_stream_first_seq', 'First sequence from a stream', ({ state }) => state.firstSequence],
  ['nats_stream_last_seq', 'Last sequence from a stream', ({ state }) => state.lastSequence],
  ['nats_stream_consumer_count', 'Total number of consumers from a stream', ({ state }) => state.consumers],
  ['nats_stream_subject_count', 'Total number of subjects in a stream', ({ state }) => state.numSubjects],
  [
    'nats_stream_limit_bytes',
    'The maximum size of a stream in bytes; -1 if there is no limit',
    ({ config }) => config.maxBytes,
  ],
  [
    'nats_stream_limit_messages',
    'The maximum number of messages in a stream; -1 if there is no limit',
    ({ config }) => config.maxMessages,
  ],
];

const CONSUMERS: readonly Figure<ConsumerInfo>[] = [
  [
    'nats_consumer_delivered_consumer_seq',
    'Latest sequence number of a stream consumer',
    ({ delivered }) => delivered.consumerSequence,
  ],
  [
    'nats_consumer_delivered_stream_seq',
    'Latest sequence number of a stream',
    ({ delivered }) => delivered.streamSequence,
  ],
  [
    'nats_consumer_last_delivery_seconds',
    'Seconds since last message delivery to consumer',
    ({ delivered, timestamp }) => secondsSince(delivered.lastActive, timestamp),
  ],
  [
    'nats_consumer_last_ack_seconds',
    'Seconds since last ack from consumer',
    ({ ackFloor, timestamp }) => secondsSince(ackFloor.lastActive, timestamp),
  ],
  [
    'nats_consumer_num_ack_pending',
    'Number of pending acks from a consumer',
    ({ numAckPending }) => numAckPending,
  ],
  [
    'nats_consumer_num_redelivered',
    'Number of redelivered messages from a consumer',
    ({ numRedelivered }) => numRedelivered,
  ],
  [
    'nats_consumer_num_waiting',
    'Number of inflight fetch requests from a pull consumer',
    ({ numWaiting }) => numWaiting,
  ],
  ['nats_consumer_num_pending', 'Number of pending messages from a consumer', ({ numPending }) => numPending],
  [
    'nats_consumer_ack_floor_stream_seq',
    'Number of ack floor stream seq from a consumer',
    ({ ackFloor }) => ackFloor.streamSequence,
  ],
  [
    'nats_consumer_ack_floor_consumer_seq',
    'Number of ack floor consumer seq from a consumer',
    ({ ackFloor }) => ackFloor.consumerSequence,
  ],
];

/** The metrics of streams and consumers on the server. */
export function serverFamilies(reader: ServerFiguresReader): Family[] {
  const families = <Info>(
    figures: readonly Figure<Info>[],
    infosOf: (read: ServerFigures) => readonly Info[],
    labelsOf: (info: Info, connection: string) => Labels,
  ): Family[] =>
    figures.map(([name, help, valueOf]) => ({
      name,
      help,
      type: 'gauge',
      read: async () =>
        (await reader.current()).flatMap((read) =>
          infosOf(read).flatMap((info): Sample[] => {
            const value = valueOf(info);
            return value === undefined ? [] : [{ labels: labelsOf(info, read.connection), value }];
          }),
        ),
    }));
  return [
    ...families(STREAMS, ({ streams }) => streams, streamLabels),
    ...families(CONSUMERS, ({ consumers }) => consumers, consumerLabels),
  ];
}

/** The leader of a stream answers, so its figures are those of the leader. */
function streamLabels({ config, cluster, domain = '' }: StreamInfo, connection: string): Labels {
  return {
    connection,
    cluster: cluster?.name ?? '',
    domain,
    stream_name: config.name,
    is_stream_leader: 'true',
  };
}

function consumerLabels(
  { stream, name, cluster, domain = '' }: ServerFigures['consumers'][number],
  connection: string,
): Labels {
  return {
    connection,
    cluster: cluster?.name ?? '',
    domain,
    stream_name: stream,
    consumer_name: name,
    is_consumer_leader: 'true',
  };
}

/** By the clock of the server. Servers before 2.10 do not send it. */
function secondsSince(time: Date | undefined, now = new Date()): number | undefined {
  return time && Math.max(0, now.getTime() - time.getTime()) / 1_000;
}
