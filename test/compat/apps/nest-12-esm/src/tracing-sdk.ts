/** The SDK 3 of OpenTelemetry, which needs Node 22.15 and version 1.10 of the API, with its instrumentation of HTTP. */
import { createRequire } from 'node:module';
import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';

const exporter = new InMemorySpanExporter();

context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
propagation.setGlobalPropagator(new W3CTraceContextPropagator());
trace.setGlobalTracerProvider(
  new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }),
);
// The test server is monitored over HTTP.
new HttpInstrumentation({ disableOutgoingRequestInstrumentation: true }).enable();
// It instruments a module when it is required, and so also what ES modules import from it.
createRequire(import.meta.url)('http');

/** The spans that have ended, in the form of `EndedSpan` in `test/otel/span-trees.ts`. */
export function endedSpans() {
  return exporter.getFinishedSpans().map((span) => ({
    name: span.name,
    kind: SpanKind[span.kind],
    id: span.spanContext().spanId,
    parent: span.parentSpanContext?.spanId,
    startTime: span.startTime,
    isError: span.status.code === SpanStatusCode.ERROR,
    attributes: span.attributes,
    events: span.events.map(({ name }) => name),
  }));
}
