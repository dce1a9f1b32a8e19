/** The SDK 2 of OpenTelemetry with its instrumentation of HTTP; imported before anything that loads `http`. */
import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';

const exporter = new InMemorySpanExporter();

context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
propagation.setGlobalPropagator(new W3CTraceContextPropagator());
trace.setGlobalTracerProvider(
  new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }),
);
// The test server is monitored over HTTP.
new HttpInstrumentation({ disableOutgoingRequestInstrumentation: true }).enable();

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
