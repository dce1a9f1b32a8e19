import { type Attributes, type Span, SpanKind } from '@opentelemetry/api';
import type { Ending, Outcome } from '../../instruments/index.js';
import { Attribute, SYSTEM } from '../conventions.js';
import type { OpenSpan, TracingParts } from './open-span.js';

/** Outcomes that become events of the span. Those of requests that failed have an exception event. */
const EVENTS: ReadonlySet<Outcome> = new Set([
  'retried',
  'terminated',
  'dead-lettered',
  'released',
  'skipped',
  'lost',
]);

/** What is sent to the server for an outcome. */
const SETTLED: Readonly<Partial<Record<Outcome, string>>> = {
  acked: 'ack',
  retried: 'nak',
  released: 'nak',
  terminated: 'term',
  'dead-lettered': 'term',
};

/** Adds an event for an outcome that is not a success. */
export function addOutcome(span: Span, { outcome, delay, reason }: Ending, about: Attributes = {}): void {
  if (!EVENTS.has(outcome)) return;
  span.addEvent(outcome, {
    ...about,
    ...(delay !== undefined && { [Attribute.delay]: delay }),
    ...(reason !== undefined && { [Attribute.reason]: reason }),
  });
}

/** Creates the span for settling a message, if it was settled. */
export function traceSettlement(
  { tracer }: TracingParts,
  { context }: OpenSpan,
  { outcome }: Ending,
  template: string | undefined,
): void {
  const name = SETTLED[outcome];
  if (name === undefined) return;
  const attributes = {
    [Attribute.system]: SYSTEM,
    [Attribute.operationName]: name,
    [Attribute.operationType]: 'settle',
    [Attribute.outcome]: outcome,
    ...(template !== undefined && { [Attribute.destinationTemplate]: template }),
  };
  const spanName = template === undefined ? name : `${name} ${template}`;
  tracer.startSpan(spanName, { kind: SpanKind.CLIENT, attributes }, context).end();
}
