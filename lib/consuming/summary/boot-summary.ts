import type { ConnectionStatus } from '../../connection/index.js';
import type { AccountInfo, DeclaredResource, ProvisioningOutcome } from '../../jetstream/index.js';
import type { HandlerState } from '../running/index.js';

/** A stream or bucket that the application declares. */
export interface SummaryResource {
  readonly kind: DeclaredResource['kind'];
  readonly name: string;
  /** The outcome of the startup. */
  readonly outcome: ProvisioningOutcome;
}

/** A handler at the end of the startup. */
export interface SummaryHandler extends Pick<HandlerState, 'handler' | 'kind' | 'source'> {
  readonly consumer?: HandlerState['consumer'] | undefined;
  readonly delivery?: HandlerState['delivery'] | undefined;
  readonly notStarted?: HandlerState['notStarted'] | undefined;
  /** How many messages it handles at once; `undefined` for watches, which handle one entry after another. */
  readonly concurrency?: number | undefined;
  /** When its schedule is due, if it has one: the cron expression, the interval or the time. */
  readonly schedule?: string | undefined;
  /** How many messages its consumer had not delivered when the handler was prepared, if it has a consumer. */
  readonly lag?: number | undefined;
}

/** The state of one connection at the end of the startup, with the work that the startup did. */
export interface BootSummary {
  /** The name of the connection. */
  readonly connection: string;
  readonly server: ConnectionStatus['server'];
  /** How messages travel: over the library's own reading of the socket, or through the client. */
  readonly wire: 'direct' | 'client';
  readonly resources: readonly SummaryResource[];
  readonly handlers: readonly SummaryHandler[];
  /** The usage and limits of the account, with `bootSummary: 'account'`, if the server answered. */
  readonly account?: AccountInfo | undefined;
}
