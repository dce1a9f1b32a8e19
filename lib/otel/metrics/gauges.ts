import type { Attributes, BatchObservableResult, Meter, Observable } from '@opentelemetry/api';
import type { Handlers, HandlerState, HandlerStatus } from '../../consuming/index.js';
import type { JetStreamConnections } from '../../handlers/index.js';
import type { UserCalls } from '../../user-code/index.js';
import { Attribute, Metric, SYSTEM } from '../conventions.js';

/** SDKs keep reporting the last value of a series, so that the other states have to be 0. */
const STATES: readonly HandlerStatus[] = ['starting', 'running', 'recovering', 'paused', 'stopped'];

/** The state of handlers and connections, read when metrics are collected. */
export class Gauges {
  private readonly observe = (result: BatchObservableResult): void =>
    this.calls.call('Collecting metrics', () => this.collect(result));
  private meter: Meter | undefined;
  private observed: Observables | undefined;
  private closed = false;

  constructor(
    private readonly handlers: Pick<Handlers, 'list'>,
    private readonly connections: Pick<JetStreamConnections, 'list'>,
    private readonly calls: UserCalls,
  ) {}

  /** Begins to answer collections of a meter. */
  attach(meter: Meter): void {
    if (this.closed) return;
    this.meter = meter;
    this.observed = observablesOf(meter);
    meter.addBatchObservableCallback(this.observe, Object.values(this.observed));
  }

  /** Called when the application has shut down. */
  close(): void {
    this.closed = true;
    if (this.observed) this.meter?.removeBatchObservableCallback(this.observe, Object.values(this.observed));
    this.observed = undefined;
  }

  private collect(result: BatchObservableResult): void {
    const { observed } = this;
    if (observed === undefined) return;
    for (const state of this.handlers.list()) {
      const attributes = attributesOf(state);
      result.observe(observed.active, state.running, attributes);
      result.observe(observed.buffered, state.waiting, attributes);
      for (const status of STATES) {
        const value = status === state.status ? 1 : 0;
        result.observe(observed.state, value, { ...attributes, [Attribute.state]: status });
      }
    }
    for (const { connection, publishAsyncPending, status } of this.connections.list()) {
      const attributes = { [Attribute.system]: SYSTEM, [Attribute.connection]: connection.name };
      result.observe(observed.publishPending, publishAsyncPending, attributes);
      result.observe(observed.reconnects, status.reconnects, attributes);
    }
  }
}

type Observables = Readonly<
  Record<'active' | 'buffered' | 'state' | 'publishPending' | 'reconnects', Observable>
>;

function observablesOf(meter: Meter): Observables {
  const gauge = (name: string, unit: string, description: string): Observable =>
    meter.createObservableGauge(name, { description, unit });
  return {
    active: gauge(Metric.active, '{message}', 'Messages that were given to the handler and are not settled.'),
    buffered: gauge(Metric.buffered, '{message}', 'Messages that wait for a free slot of the handler.'),
    state: gauge(Metric.state, '{handler}', '1 for the state that the handler has, 0 for the others.'),
    publishPending: gauge(
      Metric.publishPending,
      '{message}',
      'Messages of publishAsync without acknowledgement.',
    ),
    reconnects: meter.createObservableCounter(Metric.reconnects, {
      description: 'How often the link to the server was restored.',
      unit: '{reconnect}',
    }),
  };
}

/** Without the name of the consumer of an ordered handler: it would begin a new series with each recovery. */
function attributesOf({ handler, kind, delivery, connection, source, consumer }: HandlerState): Attributes {
  return {
    [Attribute.system]: SYSTEM,
    [Attribute.handler]: handler,
    [Attribute.connection]: connection,
    ...(kind === 'consumer' && { [Attribute.stream]: source }),
    ...(consumer !== undefined && delivery !== 'ordered' && { [Attribute.consumerGroup]: consumer }),
  };
}
