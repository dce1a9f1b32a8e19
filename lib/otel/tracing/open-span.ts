import type { Context, Span, Tracer } from '@opentelemetry/api';
import type { ObservedCall, ObservedDelivery } from '../../instruments/index.js';
import type { UserCalls } from '../../user-code/index.js';
import type { Failures } from '../failures.js';
import type { FindConnection } from '../server-addresses.js';
import type { CaptureHeaders } from './captured-headers.js';
import type { IgnoreFilter } from './ignore-filter.js';
import type { HopTracing } from '../hops/index.js';
import type { JetStreamTracingOptions } from './tracing-options.js';

/** A span that has started, and the context in which it is the current one. */
export interface OpenSpan {
  /** `undefined` if it is ignored: the context is then that of the publisher. */
  readonly span: Span | undefined;
  readonly context: Context;
  /** The headers that pass the context on. They are the same for all messages of a batch. */
  headers?: Readonly<Record<string, string>>;
  /** How many deliveries of a batch have not ended. */
  left: number;
}

/** The services that all handlers and operations share. */
export interface TracingParts {
  readonly tracer: Tracer;
  readonly options: JetStreamTracingOptions;
  readonly failures: Failures;
  readonly ignores: IgnoreFilter | undefined;
  readonly capture: CaptureHeaders | undefined;
  /** Calls functions of the options, and logs their errors. */
  readonly calls: UserCalls;
  readonly find: FindConnection | undefined;
  /** Traces the servers on the path of messages, if that is wanted. */
  readonly hops: HopTracing | undefined;
  /** The deliveries that have started and not ended. */
  readonly deliveries: Map<ObservedDelivery, OpenSpan>;
  /** The operations that have started and not ended. */
  readonly operations: Map<ObservedCall, OpenSpan>;
}
