import { Logger } from '@nestjs/common';
import { trace } from '@opentelemetry/api';
import type {
  HandlerInstrument,
  JetStreamInstrument,
  ObservedHandler,
  ObservedOperation,
  OperationInstrument,
} from '../../instruments/index.js';
import { LIBRARY_VERSION } from '../../reporting/index.js';
import { UserCalls } from '../../user-code/index.js';
import { checkedOptions } from '../../validation/index.js';
import { isKeyValue } from '../conventions.js';
import { Failures } from '../failures.js';
import { SCOPE } from '../scope.js';
import type { FindConnection } from '../server-addresses.js';
import { BatchTracing } from './batch-tracing.js';
import { captureHeaders } from './captured-headers.js';
import { ignoreFilter } from './ignore-filter.js';
import { abandonSpan, MessageTracing } from './message-tracing.js';
import type { TracingParts } from './open-span.js';
import { OperationTracing } from './operation-tracing.js';
import { type JetStreamTracingOptions, TRACING_OPTIONS } from './tracing-options.js';

/** Creates a span for each message that is published, requested or handled. */
export class JetStreamTracing implements JetStreamInstrument {
  private readonly parts: TracingParts;

  /** @param find finds connections, whose servers become attributes */
  constructor(options: JetStreamTracingOptions, find?: FindConnection) {
    const { tracerProvider = trace, expected, ignore, captureHeaders: captured } = options;
    const calls = new UserCalls(new Logger('JetStreamTracing'));
    this.parts = {
      tracer: tracerProvider.getTracer(SCOPE, LIBRARY_VERSION),
      options,
      failures: new Failures(expected, calls),
      ignores: ignoreFilter(ignore, calls),
      capture: captureHeaders(captured),
      calls,
      find,
      deliveries: new Map(),
      operations: new Map(),
    };
  }

  handler(handler: ObservedHandler): HandlerInstrument {
    return handler.form === 'batch'
      ? new BatchTracing(this.parts, handler)
      : new MessageTracing(this.parts, handler);
  }

  operation(operation: ObservedOperation): OperationInstrument | undefined {
    if (isKeyValue(operation.kind) && this.parts.options.keyValue !== true) return undefined;
    return new OperationTracing(this.parts, operation);
  }

  /** Ends the spans that are still open, when the application has shut down. */
  close(): void {
    const { deliveries, operations } = this.parts;
    for (const open of new Set([...deliveries.values(), ...operations.values()])) abandonSpan(open);
    deliveries.clear();
    operations.clear();
  }
}

/** Validates the options of tracing. @throws {@link InvalidArgumentError} */
export function checkTracingOptions(
  whose: string,
  options: JetStreamTracingOptions,
): JetStreamTracingOptions {
  return checkedOptions(whose, options, TRACING_OPTIONS);
}

/**
 * Traces messages with OpenTelemetry, for servers and clients of microservices that have a connection of their own. In an
 * application, use {@link JetStreamOtelModule}.
 *
 * Spans: `publish`, `request`, `process`, `schedule`, `ingest`, `dead-letter`, `replay`, and `put`, `get` and `delete` of
 * objects. Names and attributes follow OpenTelemetry's conventions for messaging.
 *
 * @example
 * ```ts
 * new JetStreamServer({ name: 'billing', instruments: [jetStreamTracing()] });
 * ```
 *
 * @throws {@link InvalidArgumentError} if options are unknown or invalid
 */
export function jetStreamTracing(options: JetStreamTracingOptions = {}): JetStreamInstrument {
  return new JetStreamTracing(checkTracingOptions('jetStreamTracing', options));
}
