import { Logger } from '@nestjs/common';
import { trace } from '@opentelemetry/api';
import type { JetStreamConnection } from '../../connection/index.js';
import { InvalidArgumentError } from '../../errors/index.js';
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
import { createdWith } from '../created.js';
import { Failures } from '../failures.js';
import { SCOPE } from '../scope.js';
import type { FindConnection } from '../server-addresses.js';
import { BatchTracing } from './batch-tracing.js';
import { captureHeaders } from './captured-headers.js';
import { HopTracing } from '../hops/index.js';
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
    const { tracerProvider = trace, expected, ignore, captureHeaders: captured, hops = false } = options;
    const calls = new UserCalls(new Logger('JetStreamTracing'));
    const tracer = createdWith('tracerProvider', () => tracerProvider.getTracer(SCOPE, LIBRARY_VERSION));
    this.parts = {
      tracer,
      options,
      failures: new Failures(expected, calls),
      ignores: ignoreFilter(ignore, calls),
      capture: captureHeaders(captured),
      calls,
      find,
      hops: hops === false ? undefined : new HopTracing(tracer, hops),
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

  /** Called when the connections are open. */
  start(connections: readonly JetStreamConnection[]): void {
    this.parts.hops?.start(connections);
  }

  /** Ends the spans that are still open, when the application has shut down. */
  close(): void {
    const { deliveries, operations, hops } = this.parts;
    hops?.close();
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
 * @throws {@link InvalidArgumentError} if options are unknown or invalid, and for the option `hops`
 */
export function jetStreamTracing(options: JetStreamTracingOptions = {}): JetStreamInstrument {
  const checked = checkTracingOptions('jetStreamTracing', options);
  if (checked.hops !== undefined && checked.hops !== false) {
    throw new InvalidArgumentError(
      'hops',
      'only JetStreamOtelModule.forRoot({ tracing: { hops } }) can receive the reports of servers, on the connections of the application',
    );
  }
  return new JetStreamTracing(checked);
}
