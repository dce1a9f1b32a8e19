import { SpanStatusCode } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';

/** Writes the spans of one trace as a tree, the earliest first. */
export function treeOf(spans: readonly ReadableSpan[]): string {
  const known = new Set(spans.map((span) => span.spanContext().spanId));
  const roots = spans.filter(({ parentSpanContext }) => !known.has(parentSpanContext?.spanId ?? ''));
  return branches(roots, spans, '').join('\n');
}

function branches(siblings: readonly ReadableSpan[], all: readonly ReadableSpan[], indent: string): string[] {
  const sorted = siblings.toSorted((a, b) => startOf(a) - startOf(b));
  return sorted.flatMap((span) => {
    const children = all.filter(
      ({ parentSpanContext }) => parentSpanContext?.spanId === span.spanContext().spanId,
    );
    return [`${indent}${lineOf(span)}`, ...branches(children, all, `${indent}   `)];
  });
}

/** The name of a span, and what became of the message. */
function lineOf({ name, attributes, status }: ReadableSpan): string {
  const handler = attributes['messaging.nats.handler'];
  const delivery = attributes['messaging.nats.message.delivery_count'];
  const outcome = attributes['messaging.nats.message.outcome'];
  const error = attributes['error.type'];
  const details = [
    handler,
    delivery === undefined ? undefined : `delivery ${String(delivery)}`,
    outcome,
    status.code === SpanStatusCode.ERROR ? `error ${String(error)}` : undefined,
  ].filter((detail) => detail !== undefined);
  return details.length === 0 ? name : `${name} (${details.map(String).join(', ')})`;
}

function startOf({ startTime: [seconds, nanoseconds] }: ReadableSpan): number {
  return seconds * 1_000 + nanoseconds / 1_000_000;
}
