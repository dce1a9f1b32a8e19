import type { HandlerStatus } from '../consuming/index.js';
import type { HandlerForm, Outcome } from '../instruments/index.js';

/** The requests that every service answers (ADR-32). */
export type ServiceVerb = 'PING' | 'INFO' | 'STATS';

export const SERVICE_VERBS: readonly ServiceVerb[] = ['PING', 'INFO', 'STATS'];

/** The types of the answers. */
export const SERVICE_TYPES: Readonly<Record<ServiceVerb, string>> = {
  PING: 'io.nats.micro.v1.ping_response',
  INFO: 'io.nats.micro.v1.info_response',
  STATS: 'io.nats.micro.v1.stats_response',
};

/** The subject of a request: to all services, to those with a name, or to one instance. */
export function serviceSubject(verb: ServiceVerb, name?: string, id?: string): string {
  return ['$SRV', verb, name, id].filter((token) => token !== undefined).join('.');
}

/** The common part of all answers. */
export interface ServiceIdentity {
  readonly name: string;
  readonly id: string;
  readonly version: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** The state and the figures of a handler: the `data` of an endpoint in an answer to `STATS`. Durations in milliseconds. */
export interface HandlerReport {
  /** The class and method, or the pattern of a microservice. */
  readonly handler: string;
  /**
   * The name in `Handlers`, which commands use: the class alone if its methods share a consumer. Missing for requests and
   * events of core NATS that a microservice serves, which cannot be controlled.
   */
  readonly controlName?: string | undefined;
  /** The form of the handler, such as `consumer`, `kv-watch` or `request`. */
  readonly form: HandlerForm;
  /** The name of the connection in its application. */
  readonly connection: string;
  /** The stream, bucket or subject. */
  readonly source: string;
  /** The name of its consumer, if it has one. */
  readonly consumer?: string | undefined;
  /** The state, as in `Handlers`. This and the following properties are missing without a `controlName`. */
  readonly status?: HandlerStatus | undefined;
  /** How long it has had this status. */
  readonly statusAge?: number | undefined;
  /** Whether its connection has a link to a server. */
  readonly connected?: boolean | undefined;
  /** The number of messages in flight. */
  readonly inFlight?: number | undefined;
  /** The number of messages that wait for a free slot. */
  readonly buffered?: number | undefined;
  /** How long the oldest message in flight has been handled. */
  readonly oldest?: number | undefined;
  /** Whether its circuit breaker is open. */
  readonly circuitOpen?: boolean | undefined;
  /** The number of messages that its consumer had not delivered yet, as of the last delivery to this instance. */
  readonly lag?: number | undefined;
  /** How often deliveries had each outcome. Outcomes that did not occur are missing. */
  readonly outcomes?: Readonly<Partial<Record<Outcome, number>>> | undefined;
}
