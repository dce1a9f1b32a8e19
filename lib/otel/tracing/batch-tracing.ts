import { context, type Link, ROOT_CONTEXT, type Span, SpanKind, trace } from '@opentelemetry/api';
import type {
  Ending,
  HandlerInstrument,
  ObservedDelivery,
  ObservedHandler,
} from '../../instruments/index.js';
import { Attribute } from '../conventions.js';
import { Destinations, processAttributes } from '../destinations.js';
import { remoteContext } from '../propagation.js';
import { ServerAddress } from '../server-addresses.js';
import { addOutcome } from './endings.js';
import { MessageTracing, publisherOf } from './message-tracing.js';
import type { OpenSpan, TracingParts } from './open-span.js';

/** Traces the batches of one handler: one span for each, with a link to each message. */
export class BatchTracing implements HandlerInstrument {
  private readonly address: ServerAddress;
  /** For messages that cannot be read, and therefore are in no batch. */
  private readonly alone: MessageTracing;

  constructor(
    private readonly parts: TracingParts,
    private readonly handler: ObservedHandler,
  ) {
    this.address = new ServerAddress(handler.connection, parts.find);
    this.alone = new MessageTracing(parts, handler);
  }

  run(deliveries: readonly ObservedDelivery[], next: () => void): void {
    const traced = deliveries.filter((delivery) => !this.alone.isIgnored(delivery));
    if (traced.length === 0) return next();
    const span = this.begin(traced);
    const open: OpenSpan = { span, context: trace.setSpan(ROOT_CONTEXT, span), left: traced.length };
    for (const delivery of traced) this.parts.deliveries.set(delivery, open);
    const { options, calls } = this.parts;
    const { onProcess } = options;
    if (onProcess && span.isRecording()) {
      calls.call('The option onProcess', () => onProcess(span, traced, this.handler));
    }
    context.with(open.context, next);
  }

  ended(delivery: ObservedDelivery, ending: Ending): void {
    const open = this.parts.deliveries.get(delivery);
    if (open === undefined) return this.alone.ended(delivery, ending);
    this.parts.deliveries.delete(delivery);
    const { span } = open;
    if (span === undefined) return;
    const isLast = --open.left === 0;
    try {
      if (span.isRecording()) this.write(span, delivery, ending, isLast);
    } finally {
      if (isLast) span.end();
    }
  }

  private begin(deliveries: readonly ObservedDelivery[]): Span {
    const destination = new Destinations(this.handler.patterns).common;
    const links: Link[] = [];
    for (const { headers } of deliveries) {
      const publisher = publisherOf(remoteContext(headers));
      if (publisher !== undefined) links.push({ context: publisher });
    }
    const attributes = {
      ...processAttributes(this.handler, destination),
      ...this.address.current,
      [Attribute.handler]: this.handler.handler,
      [Attribute.batchCount]: deliveries.length,
    };
    const options = { kind: SpanKind.CONSUMER, attributes, links };
    return this.parts.tracer.startSpan(destination.spanName, options, ROOT_CONTEXT);
  }

  private write(span: Span, { metadata }: ObservedDelivery, ending: Ending, isLast: boolean): void {
    addOutcome(span, ending, metadata && { [Attribute.streamSequence]: metadata.streamSequence });
    // All messages of a batch fail with the same error.
    if (isLast && ending.failed) this.parts.failures.mark(span, ending.error);
  }
}
