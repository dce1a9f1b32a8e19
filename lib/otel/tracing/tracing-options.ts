import type { Span, TracerProvider } from '@opentelemetry/api';
import type {
  ObservedCall,
  ObservedDelivery,
  ObservedHandler,
  ObservedOperation,
  OperationKind,
} from '../../instruments/index.js';
import {
  type AllOptionsOf,
  flag,
  functionRule,
  isHeaderName,
  listOf,
  objectWith,
  oneOf,
  oneOrMore,
  rule,
  subjectRule,
} from '../../validation/index.js';

/** The argument of the option `ignore`: a message, entry or operation. */
export interface IgnoreCandidate {
  /** `process` for messages and entries that a handler gets. */
  readonly operation: 'process' | OperationKind;
  /** The subject, key or object name; an empty string for operations with several messages. */
  readonly target: string;
  /** The handler, for `process`. */
  readonly handler?: string | undefined;
  /** The name of the connection. */
  readonly connection: string;
}

/** Options of tracing. All are optional. */
export interface JetStreamTracingOptions {
  /** Default: the global provider of `@opentelemetry/api`, which may be registered before or after this is created. */
  readonly tracerProvider?: TracerProvider | undefined;
  /**
   * How the span of a handled message refers to the span of its publish. `child`: it is a child of it and links to it; both
   * belong to one trace. `link`: it starts a trace of its own, which links to it. Default `child`. Batches, replays of dead
   * letters and messages of recurring schedules always start a trace of their own with links.
   */
  readonly correlation?: 'child' | 'link' | undefined;
  /**
   * Messages and operations without a span: subjects, wildcards allowed, of messages that are published, requested or handled; or a function.
   * Traces continue through it: the publish and the handler belong to the trace of their caller and publisher.
   */
  readonly ignore?: string | readonly string[] | ((candidate: IgnoreCandidate) => boolean) | undefined;
  /** Whether an error is expected: its span gets an exception event, but not the status ERROR. Default: none is. */
  readonly expected?: ((error: unknown) => boolean) | undefined;
  /**
   * Headers of handled messages that become attributes `messaging.header.<name>`, ignoring case; `*` stands for any
   * characters, as in `x-*`. Default: none, because headers may contain secrets.
   */
  readonly captureHeaders?: readonly string[] | undefined;
  /** Whether Key-Value operations get spans. Default `false`. */
  readonly keyValue?: boolean | undefined;
  /**
   * Whether settling a message gets a span of its own: `ack`, `nak` or `term`. It has no duration, because the server does
   * not answer. Default `false`: the outcome is an attribute of the process span.
   */
  readonly settle?: boolean | undefined;
  /**
   * Whether the servers that a message passes become spans below the span of its publish (message path tracing, ADR-41; needs
   * nats-server 2.11). Only with {@link JetStreamOtelModule}. Default `false`.
   *
   * `true`: each sampled publish and request asks the servers for it, by the header `Nats-Trace-Dest`. The user
   * needs the permission to publish to its inboxes.
   *
   * A subject: the `msg_trace.dest` of the account in the configuration of the servers, which choose the messages by
   * `sampling`. It has no wildcards and does not begin with `$`. All applications that use the same subject share the work.
   * Only servers should have the permission to publish to it.
   */
  readonly hops?: boolean | string | undefined;
  /**
   * Called with the span of a publish, batch, bulk load or request before it is sent, if the span is sampled. An error that
   * it throws is logged.
   */
  readonly onPublish?: ((span: Span, call: ObservedCall, operation: ObservedOperation) => void) | undefined;
  /**
   * Called with the span of a message, or of the messages of a batch, before the handler is called, if the span is sampled.
   * An error that it throws is logged.
   */
  readonly onProcess?:
    ((span: Span, deliveries: readonly ObservedDelivery[], handler: ObservedHandler) => void) | undefined;
}

const subjectsOrFunction = oneOrMore(subjectRule);

/** Reports of servers have one subject. Subjects that begin with "$" belong to the servers. */
function isReportSubject(value: unknown): boolean {
  return subjectRule(value, 'hops').length === 0 && /^[^$*>][^*>]*$/.test(String(value));
}

/** The rules of {@link JetStreamTracingOptions}. */
export const TRACING_OPTIONS = {
  tracerProvider: objectWith(['getTracer'], 'a TracerProvider'),
  correlation: oneOf(['child', 'link']),
  ignore: (value, option) => (typeof value === 'function' ? [] : subjectsOrFunction(value, option)),
  expected: functionRule('a function of the error'),
  captureHeaders: listOf(
    rule('the name of a header, with * for any characters', isHeaderName),
    'a list of header names',
  ),
  keyValue: flag,
  settle: flag,
  hops: rule(
    'true, false, or a subject without wildcards that does not begin with "$"',
    (value) => typeof value === 'boolean' || isReportSubject(value),
  ),
  onPublish: functionRule('a function of the span, the call and the operation'),
  onProcess: functionRule('a function of the span, the deliveries and the handler'),
} satisfies AllOptionsOf<JetStreamTracingOptions>;
