import type { IncomingMessage, ServerResponse } from 'node:http';
import { SpanKind, trace } from '@opentelemetry/api';

/** A span for each HTTP request. A real application uses `@opentelemetry/instrumentation-http` for this. */
export function traceRequests(
  { method, originalUrl }: IncomingMessage & { readonly originalUrl: string },
  response: ServerResponse,
  next: () => void,
): void {
  const tracer = trace.getTracer('http');
  tracer.startActiveSpan(`${method} ${originalUrl}`, { kind: SpanKind.SERVER }, (span) => {
    response.once('finish', () => {
      span.setAttribute('http.response.status_code', response.statusCode);
      span.end();
    });
    next();
  });
}
