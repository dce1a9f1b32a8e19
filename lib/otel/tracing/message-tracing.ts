import {
  type Attributes,
  context,
  type Context,
  isSpanContextValid,
  type Span,
  type SpanContext,
  SpanKind,
  type SpanOptions,
  trace,
} from '@opentelemetry/api';
import { REPLAY_HEADER } from '../../consuming/index.js';
import type {
  Ending,
  HandlerInstrument,
  ObservedDelivery,
  ObservedHandler,
  ObservedHeaders,
} from '../../instruments/index.js';
import { Attribute } from '../conventions.js';
import { type Destination, Destinations, processAttributes } from '../destinations.js';
import { remoteContext } from '../propagation.js';
import { ServerAddress } from '../server-addresses.js';
import { addOutcome, traceSettlement } from './endings.js';
import type { OpenSpan, TracingParts } from './open-span.js';

/** The headers of a message that a schedule has published. */
const SCHEDULER_HEADER = 'Nats-Scheduler';
const NEXT_HEADER = 'Nats-Schedule-Next';
/** The value of {@link NEXT_HEADER} if the schedule does not repeat. */
const NO_NEXT = 'purge';

/** Traces the messages and entries of one handler, each as a span. */
export class MessageTracing implements HandlerInstrument {
  private readonly destinations: Destinations;
  private readonly common: Attributes[] = [];
  private readonly address: ServerAddress;
  private readonly kind: SpanKind;

  constructor(
    private readonly parts: TracingParts,
    private readonly handler: ObservedHandler,
  ) {
    this.destinations = new Destinations(handler.patterns);
    this.address = new ServerAddress(handler.connection, parts.find);
    this.kind = handler.form === 'request' ? SpanKind.SERVER : SpanKind.CONSUMER;
  }

  started(delivery: ObservedDelivery): void {
    const { deliveries } = this.parts;
    const remote = remoteContext(delivery.headers);
    if (this.isIgnored(delivery)) {
      deliveries.set(delivery, { span: undefined, context: remote, left: 1 });
      return;
    }
    const destination = this.destinations.of(delivery.subject);
    const span = this.begin(delivery, remote, destination);
    deliveries.set(delivery, { span, context: trace.setSpan(remote, span), left: 1 });
    if (!span.isRecording()) return;
    this.describe(span, delivery);
    const { onProcess } = this.parts.options;
    if (onProcess)
      this.parts.calls.call('The option onProcess', () => onProcess(span, [delivery], this.handler));
  }

  run([delivery]: readonly ObservedDelivery[], next: () => void): void {
    const open = this.parts.deliveries.get(delivery);
    if (open === undefined) next();
    else context.with(open.context, next);
  }

  ended(delivery: ObservedDelivery, ending: Ending): void {
    const { deliveries, failures, options } = this.parts;
    // A message that cannot be read fails before its handler is called.
    if (ending.failed && !deliveries.has(delivery)) this.started(delivery);
    const open = deliveries.get(delivery);
    if (open === undefined) return;
    deliveries.delete(delivery);
    const { span } = open;
    if (span === undefined) return;
    try {
      if (!span.isRecording()) return;
      span.setAttribute(Attribute.outcome, ending.outcome);
      if (isCancelled(ending)) span.addEvent('cancelled');
      else if (ending.failed) failures.mark(span, ending.error);
      addOutcome(span, ending);
      if (options.settle) {
        const { template } = this.destinations.of(delivery.subject);
        traceSettlement(this.parts, open, ending, template);
      }
    } finally {
      span.end();
    }
  }

  /** Whether a message gets no span. */
  isIgnored({ subject: target }: ObservedDelivery): boolean {
    const { ignores } = this.parts;
    if (ignores === undefined) return false;
    const { handler, connection } = this.handler;
    return ignores({ operation: 'process', target, handler, connection });
  }

  private begin(delivery: ObservedDelivery, remote: Context, destination: Destination): Span {
    const { headers } = delivery;
    const options: SpanOptions = { kind: this.kind, attributes: this.attributesOf(delivery, destination) };
    const publisher = publisherOf(remote);
    if (publisher !== undefined) {
      options.links = [{ context: publisher }];
      if (this.parts.options.correlation === 'link' || startsTrace(headers)) options.root = true;
    }
    return this.parts.tracer.startSpan(destination.spanName, options, remote);
  }

  private attributesOf({ subject }: ObservedDelivery, destination: Destination): Attributes {
    const common = (this.common[destination.index] ??= {
      ...processAttributes(this.handler, destination),
      [Attribute.handler]: this.handler.handler,
    });
    return { ...common, ...this.address.current, [this.nameOfTarget]: subject };
  }

  private get nameOfTarget(): string {
    const { form } = this.handler;
    if (form === 'kv-watch') return Attribute.key;
    return form === 'object-watch' ? Attribute.object : Attribute.destinationName;
  }

  private describe(span: Span, { data, headers, metadata }: ObservedDelivery): void {
    const { form } = this.handler;
    if (form !== 'kv-watch' && form !== 'object-watch') span.setAttribute(Attribute.bodySize, data.length);
    if (metadata !== undefined) {
      span.setAttribute(Attribute.streamSequence, metadata.streamSequence);
      span.setAttribute(Attribute.consumerSequence, metadata.consumerSequence);
      span.setAttribute(Attribute.deliveryCount, metadata.deliveryCount);
    }
    if (headers !== undefined) this.parts.capture?.(span, headers);
  }
}

/** The span of the publish; `undefined` if there is none. */
export function publisherOf(remote: Context): SpanContext | undefined {
  const found = trace.getSpanContext(remote);
  return found !== undefined && isSpanContextValid(found) ? found : undefined;
}

/** Whether the caller of a request has stopped waiting. */
function isCancelled({ outcome, error }: Ending): boolean {
  return outcome === 'failed' && error === undefined;
}

/** Ends what is left of a span that handles deliveries. */
export function abandonSpan({ span }: OpenSpan): void {
  span?.addEvent('lost');
  span?.end();
}

/**
 * Whether a message starts a trace of its own although it has trace headers: they are those of the original message of
 * a dead letter, or of a schedule that repeats, and may be days old.
 */
function startsTrace(headers: ObservedHeaders | undefined): boolean {
  if (headers === undefined) return false;
  if (headers.get(REPLAY_HEADER) !== '') return true;
  return headers.get(SCHEDULER_HEADER) !== '' && headers.get(NEXT_HEADER) !== NO_NEXT;
}
