import type { HandlerState } from '../../consuming/index.js';
import type { HandlerForm, HandlerInstrument, ObservedHandler } from '../../instruments/index.js';
import type { HandlerReport } from '../service-messages.js';
import { EndpointCounters, HandlerCounters } from './endpoint-counters.js';
import { endpointName } from './endpoint-name.js';

/** One endpoint of the service: a handler and one of its subjects. */
export interface Endpoint {
  readonly name: string;
  readonly subject: string;
  readonly queueGroup: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly counters: EndpointCounters;
  readonly report: HandlerReport;
}

/** What is known about a handler without its state. */
interface Known extends Pick<ObservedHandler, 'handler' | 'form' | 'connection' | 'source'> {
  readonly consumer?: string | undefined;
  readonly group?: string | undefined;
}

/** All messages of a stream, or all keys of a bucket. */
const ALL = '>';

/** The endpoints of one service: handlers that instruments were asked about, and handlers that have not started. */
export class ServiceEndpoints {
  private readonly handlers = new Map<
    string,
    { readonly known: Known; readonly counters: HandlerCounters }
  >();

  constructor(private readonly showText: boolean) {}

  /** The counters of a handler. A handler that starts again continues with the same ones. */
  observe(observed: ObservedHandler): HandlerInstrument {
    const { handler, form, connection, source, consumer = '', group = '', patterns } = observed;
    const key = [handler, form, connection, source, consumer, group, ...patterns].join('\n');
    const known = this.handlers.get(key);
    if (known !== undefined) return known.counters;
    const [first = ALL, ...others] = patterns;
    const counters = new HandlerCounters(handler, [first, ...others], this.showText);
    this.handlers.set(key, { known: observed, counters });
    return counters;
  }

  /** All endpoints. @param states of the handlers that may be listed */
  list(states: readonly HandlerState[]): Endpoint[] {
    const found = new Map<string, HandlerState[]>();
    for (const state of states) {
      const key = placeOf(state);
      const others = found.get(key);
      if (others) others.push(state);
      else found.set(key, [state]);
    }
    const listed = new Set<HandlerState>();
    const observed = [...this.handlers.values()].flatMap(({ known, counters }) => {
      const state = found.get(placeOf(known))?.find((each) => isStateOf(each, known));
      if (state !== undefined) listed.add(state);
      if (this.isRest(known, counters)) return [];
      const { lag } = counters;
      return [...counters.endpoints].map(([pattern, each]) => endpointOf(known, pattern, each, state, lag));
    });
    const others = states
      .filter((state) => !listed.has(state))
      .map((state) => endpointOf(fromState(state), ALL, new EndpointCounters(), state, undefined));
    return [...observed, ...others];
  }

  /** Whether it only receives the messages that no method of its class matches, and there were none. */
  private isRest({ handler, ...place }: Known, { endpoints }: HandlerCounters): boolean {
    // A method, or a pattern.
    if (handler.includes('.')) return false;
    const prefix = `${handler}.`;
    const isClass = [...this.handlers.values()].some(
      ({ known }) =>
        known.handler.startsWith(prefix) &&
        placeOf(known) === placeOf(place) &&
        known.consumer === place.consumer,
    );
    return isClass && [...endpoints.values()].every(({ requests }) => requests === 0);
  }
}

function placeOf({ connection, source }: Pick<Known, 'connection' | 'source'>): string {
  return `${connection}\n${source}`;
}

/** The methods of a class that share a consumer also share its state. */
function isStateOf(state: HandlerState, { handler, consumer }: Known): boolean {
  if (handler !== state.handler && !handler.startsWith(`${state.handler}.`)) return false;
  return consumer === undefined || state.consumer === '' || state.consumer === consumer;
}

/** A handler that has not been started is not observed yet. */
function fromState({ handler, kind, delivery, connection, source, consumer }: HandlerState): Known {
  const form: HandlerForm =
    kind === 'consumer' && (delivery === 'ordered' || delivery === 'push') ? delivery : kind;
  return { handler, form, connection, source, consumer: consumer === '' ? undefined : consumer };
}

function endpointOf(
  known: Known,
  pattern: string,
  counters: EndpointCounters,
  state: HandlerState | undefined,
  lag: number | undefined,
): Endpoint {
  const { handler, form, connection, source, group = '' } = known;
  const consumer = nonEmpty(known.consumer) ?? nonEmpty(state?.consumer);
  return {
    name: endpointName(handler),
    subject: subjectOf(known, pattern),
    queueGroup: group,
    metadata: { handler, form, connection, source, ...(consumer === undefined ? {} : { consumer }) },
    counters,
    report: {
      handler,
      controlName: state?.handler,
      form,
      connection,
      source,
      consumer,
      status: state?.status,
      statusAge: state?.statusAge,
      connected: state?.connected,
      inFlight: state?.running,
      buffered: state?.waiting,
      oldest: state?.oldest,
      circuitOpen: state?.circuitOpen,
      lag,
      outcomes: counters.occurred,
    },
  };
}

/** The subject of an endpoint: that of the messages behind keys and descriptions of objects. */
function subjectOf({ form, source }: Known, pattern: string): string {
  if (form === 'kv-watch') return `$KV.${source}.${pattern}`;
  if (form === 'object-watch') return `$O.${source}.M.${ALL}`;
  return form === 'subscription' && pattern === ALL ? source : pattern;
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
