import type { JetStreamEvent } from '../../consuming/index.js';
import type { JetStreamTransportEvents } from '../transport-link.js';

/** Events of the consumers of a server, other than messages. */
export type ConsumerEvent = Extract<
  JetStreamEvent,
  {
    readonly type:
      | 'consumer-lost'
      | 'consumer-recovered'
      | 'handler-interrupted'
      | 'circuit-opened'
      | 'circuit-closed'
      | 'resource-recreated';
  }
>;

/**
 * The events of `on` of a {@link JetStreamServer}: the connection, and the consumers of its events and durable
 * requests.
 *
 * - `consumer-lost`: a consumer or its stream was deleted; it is being created again
 * - `consumer-recovered`: the lost consumer was created again and is read
 * - `handler-interrupted`: missed heartbeats, a new leader, a refused request: the handler recovers by itself
 * - `circuit-opened`, `circuit-closed`: the circuit breaker of a pattern
 * - `resource-recreated`: a stream of the server's options, or of dead letters, was lost in a restart of nats-server
 *   and is created again, empty
 */
export type JetStreamServerEvents = JetStreamTransportEvents & {
  [Type in ConsumerEvent['type']]: (event: Extract<ConsumerEvent, { readonly type: Type }>) => void;
};
