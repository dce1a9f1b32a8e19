import type { ConnectionStatus } from '../connection/index.js';
import type { HandlerState } from '../consuming/index.js';

/** Whether something works. */
export type Health = 'up' | 'down';

/** The health of one thing. */
export interface ItemHealth {
  readonly status: Health;
  /** What is wrong; also for problems that do not count yet, because the grace is not over. */
  readonly message?: string | undefined;
}

/** The result of a check. It can be sent as JSON. */
export interface HealthReport {
  /** `down` if anything that was checked is down. */
  readonly status: Health;
  /** What is wrong, in one text. */
  readonly message?: string | undefined;
}

/** The health of one connection. */
export interface ConnectionHealth
  extends ItemHealth, Pick<ConnectionStatus, 'state' | 'stateAge' | 'reconnects'> {
  /** The name of the connection. */
  readonly connection: string;
  /** The name of the server. */
  readonly server?: string | undefined;
  /** The round trip to the server, in milliseconds. */
  readonly rtt?: number | undefined;
}

/** The result of `connection`. */
export interface ConnectionReport extends HealthReport {
  readonly connections: readonly ConnectionHealth[];
}

/** The health of one handler; the other properties are those of {@link HandlerState}. */
export interface HandlerHealth
  extends
    ItemHealth,
    Pick<HandlerState, 'handler' | 'connection' | 'source' | 'connected' | 'running' | 'waiting' | 'oldest'> {
  /** The status of the handler. */
  readonly state: HandlerState['status'];
  /** The name of its consumer, if it has one. */
  readonly consumer?: string | undefined;
  /** How many messages its consumer has not delivered yet. */
  readonly pending?: number | undefined;
  /** How many messages its consumer has delivered to any instance that are not acknowledged. */
  readonly ackPending?: number | undefined;
}

/** The result of `handlers`. */
export interface HandlersReport extends HealthReport {
  readonly handlers: readonly HandlerHealth[];
}

/** The health of a stream, a bucket, or the storage of an account. */
export interface ResourceHealth extends ItemHealth {
  readonly kind: 'stream' | 'bucket' | 'object-store' | 'storage' | 'memory';
  /** The name of the stream or bucket, or of the connection whose account is meant. */
  readonly name: string;
  /** The leading server, in a cluster. */
  readonly leader?: string | undefined;
  /** The replication tier of a storage limit, such as `R3`, if the account has tiers. */
  readonly tier?: string | undefined;
  /** The used storage, in bytes. */
  readonly used?: number | undefined;
  /** Its limit, in bytes. */
  readonly limit?: number | undefined;
}

/** The result of `resources`. */
export interface ResourcesReport extends HealthReport {
  readonly resources: readonly ResourceHealth[];
}

/** The result of `liveness`. */
export interface LivenessReport extends HealthReport {
  /** The handlers that hang. */
  readonly stalled: readonly string[];
  /** The connections that were closed for good. */
  readonly closed: readonly string[];
}

/** The status of a report, and its message. */
export function summaryOf(items: readonly (ItemHealth & { readonly label: string })[]): HealthReport {
  const down = items.filter(({ status }) => status === 'down');
  if (down.length === 0) return { status: 'up' };
  return { status: 'down', message: down.map(({ label, message = '' }) => `${label}: ${message}`).join(' ') };
}
