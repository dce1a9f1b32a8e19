import {
  NumberedConsumers,
  OrderedLoop,
  provisionConsumer,
  provisionPushConsumer,
  PullLoop,
  PushLoop,
  VerifiedLoop,
  type OrderedConsumerConfig,
  type PullLoopOptions,
  type PullLoopOwner,
  type ReceiveLoop,
} from '../../jetstream/index.js';
import { createInboxOf } from '../../requests/index.js';
import { pushConfig, type ConsumerSource } from '../planning/index.js';

const PULL_EXPIRY = 30_000;
/** Shorter than the Go client's default: a handler should notice within seconds that its consumer went silent. */
const PULL_HEARTBEAT = 5_000;

/** A consumer that is there, ready to be read. */
export interface ReadyConsumer {
  readonly name: string;
  open(owner: PullLoopOwner): ReceiveLoop;
}

/**
 * Makes the consumer of a handler, or takes it as it is, and tells how to read it.
 *
 * @param after where an ordered consumer goes on, which the server keeps no state of: after this sequence; 0: where its
 * options say
 */
export async function prepareConsumer(source: ConsumerSource, after: number): Promise<ReadyConsumer> {
  const { connection, stream, delivery } = source;
  const { jetstream, provisioning } = connection;
  const { api } = jetstream;
  switch (delivery.mode) {
    case 'pull': {
      const { name } = await provisionConsumer(jetstream, stream, delivery.config, provisioning);
      const from = { stream, consumer: name };
      const options = { ...pullOptions(source.maxMessages), ...delivery.pull };
      return {
        name,
        open: (owner) =>
          new VerifiedLoop(
            (inner) => new PullLoop(api.connection, api.requests, stream, name, options, inner),
            owner,
            from,
            () => jetstream.consumer(stream, name),
          ),
      };
    }
    case 'push': {
      const config = pushConfig(delivery, createInboxOf(api.connection.nc));
      const consumer = await provisionPushConsumer(jetstream, stream, config, provisioning);
      const { deliverSubject, deliverGroup, idleHeartbeat = 0 } = consumer.cachedInfo.config;
      const subject = deliverSubject ?? config.deliverSubject;
      const { name } = consumer;
      return {
        name,
        open: (owner) =>
          new PushLoop(
            api,
            { stream, consumer: name },
            { subject, group: deliverGroup, idleHeartbeat },
            owner,
            () => jetstream.pushConsumer(stream, name),
          ),
      };
    }
    case 'ordered': {
      const config: OrderedConsumerConfig =
        after > 0
          ? {
              ...delivery.config,
              deliverPolicy: 'by_start_sequence',
              startSequence: after + 1,
              startTime: undefined,
            }
          : delivery.config;
      const consumers = new NumberedConsumers(api, stream, config);
      const name = await consumers.recreate(0);
      return {
        name,
        open: (owner) => new OrderedLoop(api, consumers, pullOptions(source.maxMessages), owner, name),
      };
    }
  }
}

function pullOptions(maxMessages: number): PullLoopOptions {
  return {
    maxMessages,
    thresholdMessages: Math.ceil(maxMessages / 2),
    maxBytes: 0,
    thresholdBytes: 0,
    limitBytesPerPull: false,
    expiry: PULL_EXPIRY,
    heartbeat: PULL_HEARTBEAT,
  };
}
