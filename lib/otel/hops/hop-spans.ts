import {
  type Attributes,
  type Context,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from '@opentelemetry/api';
import { connectionKind, type ServerReport, type Step } from '../../message-path/index.js';
import { Attribute, HOP, HOP_PREFIX, OTHER_ERROR, SYSTEM } from '../conventions.js';
import { remoteContext } from '../propagation.js';

/** The names of steps, by their types of ADR-41. */
const STEPS: Readonly<Record<string, string>> = {
  in: 'received',
  sm: 'subject mapped',
  js: 'stored',
  se: 'service exported',
  si: 'stream exported',
  eg: 'sent',
};

/** Names of values that say more than the short ones of the servers. */
const VALUES: Readonly<Record<string, string>> = {
  acc: 'account',
  subj: 'subject',
  sub: 'subscription',
  cid: 'connection_id',
  nointerest: 'no_interest',
};

/** Creates a span for each server on the path of a message, the next server below the one before it. */
export function traceHops(tracer: Tracer, reports: readonly ServerReport[]): void {
  const contexts = new Map<string, Context>();
  for (const report of reports) {
    const { hop, headers } = report;
    const parent = hop === '' ? undefined : contexts.get(before(hop));
    contexts.set(hop, traceHop(tracer, report, parent ?? remoteContext(headers)));
  }
}

/** The place on the path before `1.2` is `1`, and before `1` the first server, whose place is empty. */
function before(hop: string): string {
  return hop.slice(0, Math.max(0, hop.lastIndexOf('.')));
}

function traceHop(tracer: Tracer, report: ServerReport, parent: Context): Context {
  const times = report.steps.map(({ time }) => time).toSorted(([a, b], [c, d]) => a - c || b - d);
  const span = tracer.startSpan(
    HOP.word,
    { kind: SpanKind.INTERNAL, startTime: [...times[0]], attributes: attributesOf(report) },
    parent,
  );
  for (const step of report.steps)
    span.addEvent(STEPS[step.type] ?? step.type, eventOf(step), [...step.time]);
  const failure = report.steps.find(({ type, values }) => type !== 'eg' && typeof values.error === 'string');
  if (failure !== undefined) {
    span.setAttribute(Attribute.errorType, OTHER_ERROR);
    span.setStatus({ code: SpanStatusCode.ERROR, message: String(failure.values.error) });
  }
  span.end([...times[times.length - 1]]);
  return trace.setSpan(parent, span);
}

function attributesOf({ server, hop, steps }: ServerReport): Attributes {
  const subject = steps.find(({ type }) => type === 'in')?.values.subj;
  const stream = steps.find(({ type }) => type === 'js')?.values.stream;
  return {
    [Attribute.system]: SYSTEM,
    [Attribute.operationName]: HOP.name,
    [Attribute.serverName]: server.name,
    [Attribute.hop]: hop,
    ...(server.host !== undefined && { [Attribute.serverAddress]: server.host }),
    ...(server.version !== undefined && { [Attribute.serverVersion]: server.version }),
    ...(server.cluster !== undefined && { [Attribute.cluster]: server.cluster }),
    ...(subject !== undefined && { [Attribute.destinationName]: subject }),
    ...(stream !== undefined && { [Attribute.stream]: stream }),
  };
}

function eventOf({ values }: Step): Attributes {
  const attributes: Attributes = {};
  for (const [name, value] of Object.entries(values)) {
    if (name === 'kind') attributes[`${HOP_PREFIX}connection_kind`] = connectionKind(value);
    else attributes[HOP_PREFIX + (VALUES[name] ?? name)] = value;
  }
  return attributes;
}
