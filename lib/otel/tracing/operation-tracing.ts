import { type Attributes, context, type Span, SpanKind, trace, TraceFlags } from '@opentelemetry/api';
import type {
  CallResult,
  ObservedCall,
  ObservedMessage,
  ObservedOperation,
  OperationInstrument,
  OperationKind,
} from '../../instruments/index.js';
import { TRACE_DESTINATION } from '../../message-path/index.js';
import { Attribute, isKeyValue, isObjectStore, OPERATIONS, SCHEDULE, SYSTEM } from '../conventions.js';
import { contextHeaders, hasTrace } from '../propagation.js';
import { ServerAddress } from '../server-addresses.js';
import { isTraced } from '../hops/index.js';
import type { TracingParts } from './open-span.js';

/** The header of a message that is a schedule. */
const SCHEDULE_HEADER = 'Nats-Schedule';

const KINDS: Readonly<Partial<Record<OperationKind, SpanKind>>> = {
  publish: SpanKind.PRODUCER,
  'publish-batch': SpanKind.PRODUCER,
  ingest: SpanKind.PRODUCER,
  'dead-letter': SpanKind.PRODUCER,
  replay: SpanKind.INTERNAL,
};

/** The operations about which `onPublish` is called, and whose messages continue the trace. */
const PUBLISHES: ReadonlySet<OperationKind> = new Set(['publish', 'publish-batch', 'ingest', 'request']);

/** The operations with one message, which can ask servers for its path. */
const SINGLE: ReadonlySet<OperationKind> = new Set(['publish', 'request']);

/** Traces the operations of one kind. */
export class OperationTracing implements OperationInstrument {
  private readonly address: ServerAddress;
  private readonly common: Attributes;
  private readonly word: string;
  private readonly nameOfTarget: string;
  private readonly kind: SpanKind;
  /** The names of spans, by pattern: there are only as many as declared subjects. */
  private readonly names = new Map<string, string>();

  constructor(
    private readonly parts: TracingParts,
    private readonly operation: ObservedOperation,
  ) {
    const { kind, source, connection } = operation;
    const { name, word, type } = OPERATIONS[kind];
    this.address = new ServerAddress(connection, parts.find);
    this.word = source === undefined ? word : `${word} ${source}`;
    this.kind = KINDS[kind] ?? SpanKind.CLIENT;
    this.nameOfTarget = isKeyValue(kind)
      ? Attribute.key
      : isObjectStore(kind)
        ? Attribute.object
        : Attribute.destinationName;
    this.common = {
      [Attribute.system]: SYSTEM,
      [Attribute.operationName]: name,
      ...(type !== undefined && { [Attribute.operationType]: type }),
      ...(source !== undefined && { [Attribute.bucket]: source }),
    };
  }

  started(call: ObservedCall): void {
    const { tracer, deliveries, operations, options, calls } = this.parts;
    if (this.isIgnored(call)) return;
    // A message is settled after its handler, outside of its context.
    const parent = (call.delivery && deliveries.get(call.delivery)?.context) ?? context.active();
    const settings = { kind: this.kind, attributes: this.attributesOf(call) };
    const span = tracer.startSpan(this.spanName(call.pattern), settings, parent);
    operations.set(call, { span, context: trace.setSpan(parent, span), left: 1 });
    const { onPublish } = options;
    if (onPublish && PUBLISHES.has(this.operation.kind) && span.isRecording()) {
      calls.call('The option onPublish', () => onPublish(span, call, this.operation));
    }
  }

  run(call: ObservedCall, next: () => void): void {
    const open = this.parts.operations.get(call);
    if (open === undefined) next();
    else context.with(open.context, next);
  }

  headers(call: ObservedCall, message: ObservedMessage): Readonly<Record<string, string>> | undefined {
    // Values of keys, objects and replays do not continue a trace.
    if (!PUBLISHES.has(this.operation.kind)) return undefined;
    const open = this.parts.operations.get(call);
    const recording = open?.span?.isRecording() ? open.span : undefined;
    if (recording && message.has(SCHEDULE_HEADER)) this.renameSchedule(recording, call);
    if (hasTrace(message)) return undefined;
    if (open === undefined) return contextHeaders();
    const headers = (open.headers ??= contextHeaders(open.context));
    return recording === undefined ? headers : this.withDestination(headers, recording, message);
  }

  /** Asks the servers to report what they do with a message. */
  private withDestination(
    headers: Readonly<Record<string, string>>,
    span: Span,
    message: ObservedMessage,
  ): Readonly<Record<string, string>> {
    const { hops } = this.parts;
    if (hops === undefined || !SINGLE.has(this.operation.kind)) return headers;
    const isSampled = (span.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0;
    const destination = isSampled ? hops.destination(this.operation.connection) : undefined;
    if (destination === undefined || isTraced(message)) return headers;
    return { ...headers, [TRACE_DESTINATION]: destination };
  }

  ended(call: ObservedCall, result: CallResult): void {
    const { operations, failures } = this.parts;
    const span = operations.get(call)?.span;
    operations.delete(call);
    if (span === undefined) return;
    try {
      if (!span.isRecording()) return;
      this.write(span, result);
      if (result.error !== undefined) failures.mark(span, result.error);
    } finally {
      span.end();
    }
  }

  private isIgnored({ target }: ObservedCall): boolean {
    const { ignores } = this.parts;
    if (ignores === undefined) return false;
    const { kind: operation, connection } = this.operation;
    return ignores({ operation, target, connection });
  }

  private spanName(pattern: string | undefined): string {
    if (pattern === undefined) return this.word;
    let name = this.names.get(pattern);
    if (name === undefined) this.names.set(pattern, (name = `${this.word} ${pattern}`));
    return name;
  }

  private attributesOf({ target, pattern, reason }: ObservedCall): Attributes {
    const attributes: Attributes = { ...this.common, ...this.address.current };
    if (target !== '') attributes[this.nameOfTarget] = target;
    if (pattern !== undefined) attributes[Attribute.destinationTemplate] = pattern;
    if (reason !== undefined) attributes[Attribute.reason] = reason;
    return attributes;
  }

  private renameSchedule(span: Span, { pattern }: ObservedCall): void {
    const { name, word } = SCHEDULE;
    span.updateName(pattern === undefined ? word : `${word} ${pattern}`);
    span.setAttribute(Attribute.operationName, name);
  }

  private write(span: Span, { count, size, stream, sequence, duplicate }: CallResult): void {
    const { kind } = this.operation;
    if (kind === 'publish-batch' || kind === 'ingest') span.setAttribute(Attribute.batchCount, count);
    if (size !== undefined) span.setAttribute(Attribute.bodySize, size);
    if (!PUBLISHES.has(kind)) return;
    if (stream !== undefined) span.setAttribute(Attribute.stream, stream);
    if (sequence !== undefined) span.setAttribute(Attribute.streamSequence, sequence);
    if (duplicate) span.setAttribute(Attribute.duplicate, true);
  }
}
