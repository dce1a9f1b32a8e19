/**
 * Measures what tracing and metrics add to one message, in this process and without a server: the calls of the
 * instruments for one delivery and one publish, with real SDKs.
 *
 *     npm run prebench && node --expose-gc bench/dist/tracing-cost.js
 */
import { context, propagation, type TracerProvider } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  NoopSpanProcessor,
  ParentBasedSampler,
  AlwaysOffSampler,
} from '@opentelemetry/sdk-trace-base';
import type { JetStreamInstrument, ObservedDelivery } from 'nestjs-nats-jetstream';
import { headers } from 'nestjs-nats-jetstream/nats';
import { jetStreamOtelMetrics, jetStreamTracing } from 'nestjs-nats-jetstream/otel';

const MESSAGES = 200_000;
const ROUNDS = 7;

class NoReader extends MetricReader {
  protected onShutdown(): Promise<void> {
    return Promise.resolve();
  }
  protected onForceFlush(): Promise<void> {
    return Promise.resolve();
  }
}

context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
propagation.setGlobalPropagator(new W3CTraceContextPropagator());

const sdk = new BasicTracerProvider({
  sampler: new ParentBasedSampler({ root: new AlwaysOffSampler() }),
  spanProcessors: [new NoopSpanProcessor()],
});

/** A delivery whose publish was sampled, or not. */
function delivery(sampled: boolean): ObservedDelivery {
  const sent = headers();
  sent.set('traceparent', `00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0${sampled ? 1 : 0}`);
  const metadata = {
    stream: 'ORDERS',
    consumer: 'billing',
    streamSequence: 1,
    consumerSequence: 1,
    deliveryCount: 1,
    pending: 0,
    timestamp: new Date(),
  };
  return { subject: 'orders.1.placed', headers: sent, data: new Uint8Array(140), metadata };
}

function handlerOf(instrument: JetStreamInstrument, sampled: boolean): () => void {
  const handler = instrument.handler?.({
    handler: 'Billing.onPlaced',
    form: 'consumer',
    connection: 'default',
    source: 'ORDERS',
    consumer: 'billing',
    patterns: ['orders.*.placed'],
  });
  const message = delivery(sampled);
  const deliveries = [message];
  const ending = { outcome: 'acked', failed: false, duration: 0.1 } as const;
  const next = (): void => undefined;
  return () => {
    handler?.started?.(message);
    handler?.run?.(deliveries, next);
    handler?.ended?.(message, ending);
  };
}

function publishOf(instrument: JetStreamInstrument): () => void {
  const publish = instrument.operation?.({ kind: 'publish', connection: 'default' });
  const message = { subject: 'orders.1.placed', data: '{}', has: () => false };
  const result = { duration: 0.1, count: 1, size: 140, stream: 'ORDERS', sequence: 1, duplicate: false };
  return () => {
    const call = { target: 'orders.1.placed', pattern: 'orders.*.placed' };
    publish?.started?.(call);
    publish?.headers?.(call, message);
    publish?.ended?.(call, result);
  };
}

/** The median of the rounds, in microseconds per call. */
function measure(call: () => void): number {
  const rounds = Array.from({ length: ROUNDS }, () => {
    globalThis.gc?.();
    const startedAt = performance.now();
    for (let i = 0; i < MESSAGES; i++) call();
    return ((performance.now() - startedAt) / MESSAGES) * 1_000;
  });
  return rounds.toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)];
}

const tracing = (tracerProvider?: TracerProvider): JetStreamInstrument =>
  jetStreamTracing({ tracerProvider });
const measured = jetStreamOtelMetrics({ meterProvider: new MeterProvider({ readers: [new NoReader()] }) });

/** A publish in a context whose trace is sampled. */
function publishInSampledTrace(): () => void {
  const publish = publishOf(tracing(sdk));
  const parent = propagation.extract(context.active(), {
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  });
  return () => context.with(parent, publish);
}

const rows: readonly (readonly [string, () => void])[] = [
  ['handled, no SDK', handlerOf(tracing(), true)],
  ['handled, unsampled parent', handlerOf(tracing(sdk), false)],
  ['handled, sampled parent', handlerOf(tracing(sdk), true)],
  ['published, no SDK', publishOf(tracing())],
  ['published, unsampled', publishOf(tracing(sdk))],
  ['published, sampled parent', publishInSampledTrace()],
  ['handled, metrics', handlerOf(measured, false)],
  ['published, metrics', publishOf(measured)],
];
for (const [name, call] of rows) console.log(`${name.padEnd(28)} ${measure(call).toFixed(2)} µs`);
