import { context, propagation, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { eventually } from '../support/eventually.js';
import { type EndedSpan, type Tree, treesOf } from './span-trees.js';

/** Counts spans. */
class Counts implements SpanProcessor {
  started = 0;
  ended = 0;

  onStart(): void {
    this.started++;
  }
  onEnd(): void {
    this.ended++;
  }
  forceFlush(): Promise<void> {
    return Promise.resolve();
  }
  shutdown(): Promise<void> {
    return Promise.resolve();
  }
}

/** A real SDK, registered globally once for a test file. */
export class Traced {
  readonly counts = new Counts();
  private readonly exporter = new InMemorySpanExporter();
  readonly provider = new BasicTracerProvider({
    spanProcessors: [this.counts, new SimpleSpanProcessor(this.exporter)],
  });

  register(): void {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    propagation.setGlobalPropagator(
      new CompositePropagator({
        propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()],
      }),
    );
    trace.setGlobalTracerProvider(this.provider);
  }

  /** Forgets all spans. */
  reset(): void {
    this.exporter.reset();
    this.counts.started = 0;
    this.counts.ended = 0;
  }

  get spans(): readonly ReadableSpan[] {
    return this.exporter.getFinishedSpans();
  }

  named(prefix: string): readonly ReadableSpan[] {
    return this.spans.filter(({ name }) => name === prefix || name.startsWith(`${prefix} `));
  }

  /** Waits until the number of ended spans with a name is reached, and returns them. */
  async ended(prefix: string, count = 1): Promise<readonly ReadableSpan[]> {
    await eventually(
      () => this.named(prefix).length,
      (ended) => ended >= count,
    );
    return this.named(prefix);
  }

  /** Runs a function in a span, as an HTTP server does. */
  inSpan<T>(name: string, act: (span: Span) => Promise<T>): Promise<T> {
    return this.provider.getTracer('test').startActiveSpan(name, async (span) => {
      try {
        return await act(span);
      } finally {
        span.end();
      }
    });
  }

  /** All traces, the oldest first. */
  get trees(): readonly Tree[] {
    return treesOf(this.spans.map(toEnded));
  }
}

function toEnded(span: ReadableSpan): EndedSpan {
  const { name, kind, parentSpanContext, startTime, status, attributes, events } = span;
  return {
    name,
    kind: SpanKind[kind],
    id: span.spanContext().spanId,
    parent: parentSpanContext?.spanId,
    startTime,
    isError: status.code === SpanStatusCode.ERROR,
    attributes,
    events: events.map((event) => event.name),
  };
}
