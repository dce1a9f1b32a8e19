import type { Handlers, HandlerState, HandlerStatus } from '../consuming/index.js';
import type { JetStreamConnections } from '../handlers/index.js';
import type { JetStreamService } from '../jetstream/index.js';
import { type Family, type Labels, merged, type Sample } from './family.js';
import type { HandlerMetrics } from './handler-counters.js';

const STATUSES: readonly HandlerStatus[] = ['starting', 'running', 'recovering', 'paused', 'stopped'];
const CONNECTION_STATES = ['connected', 'disconnected', 'closed', 'unopened'] as const;

/** The metrics of the present state of handlers. Their values are read when the registry is scraped. */
export function handlerGauges(prefix: string, handlers: Handlers, metrics: HandlerMetrics): Family[] {
  const gauge = (
    name: string,
    help: string,
    read: (state: HandlerState, labels: Labels) => readonly Sample[],
  ): Family => ({
    name: `${prefix}${name}`,
    help,
    type: 'gauge',
    // A method may have several decorators with consumers that have no names of their own.
    read: () =>
      merged(
        handlers.list().flatMap((state) => {
          const { handler, connection, source } = state;
          const consumer = metrics.labelOf(connection, source, state.consumer);
          return read(state, { connection, handler, source, consumer });
        }),
      ),
  });
  return [
    gauge('handler_active', 'Messages or entries in flight.', ({ running }, labels) => [
      { labels, value: running },
    ]),
    gauge('handler_buffered', 'Messages that wait for a free slot.', ({ waiting }, labels) => [
      { labels, value: waiting },
    ]),
    gauge('handler_state', 'Whether the handler is in this state: 1 or 0.', ({ status }, labels) =>
      STATUSES.map((state) => ({ labels: { ...labels, state }, value: Number(state === status) })),
    ),
    gauge(
      'handler_circuit_open',
      'Whether the circuit breaker is open: 1 or 0.',
      ({ circuitOpen }, labels) => [{ labels, value: Number(circuitOpen) }],
    ),
  ];
}

/** The metrics of the present state of connections. */
export function connectionGauges(prefix: string, connections: JetStreamConnections): Family[] {
  const family = (
    name: string,
    help: string,
    read: (service: JetStreamService, labels: Labels) => readonly Sample[],
    type: Family['type'] = 'gauge',
  ): Family => ({
    name: `${prefix}${name}`,
    help,
    type,
    read: () =>
      connections.list().flatMap((service) => read(service, { connection: service.connection.name })),
  });
  return [
    {
      name: `${prefix}cache_lag`,
      help: 'Changes that copies of buckets had not received, as of the last one that they received.',
      type: 'gauge',
      // A bucket may have several copies.
      read: () =>
        merged(
          connections.all().flatMap(({ name, keyValue }) =>
            [...keyValue.copies].map(({ bucket, lag }) => ({
              labels: { connection: name, source: bucket },
              value: lag,
            })),
          ),
        ),
    },
    family('connection_state', 'Whether the connection is in this state: 1 or 0.', ({ status }, labels) =>
      CONNECTION_STATES.map((state) => ({
        labels: { ...labels, state },
        value: Number(state === status.state),
      })),
    ),
    family(
      'connection_reconnects_total',
      'How often the link to the server was restored.',
      ({ status }, labels) => [{ labels, value: status.reconnects }],
      'counter',
    ),
    family(
      'publish_pending',
      'Messages of publishAsync that are not acknowledged.',
      ({ publishAsyncPending }, labels) => [{ labels, value: publishAsyncPending }],
    ),
    family('requests_pending', 'Requests that wait for their replies.', ({ requests }, labels) => [
      { labels, value: requests.size },
    ]),
  ];
}
