import { codecRule } from '../codecs/index.js';
import { connectionRule, JETSTREAM_OPTIONS } from '../connection/index.js';
import { InvalidArgumentError } from '../errors/index.js';
import { instrumentsRule } from '../instruments/index.js';
import { JetStreamService } from '../jetstream/index.js';
import { propertyOf } from '../reporting/index.js';
import { type AllOptionsOf, oneOf } from '../validation/index.js';
import type { TransportConnectionOptions } from './transport-connection-options.interface.js';

/** How requests and events are sent. */
export const modeRule = oneOf(['core', 'jetstream']);

/** The options that servers and clients share. */
export const TRANSPORT_OPTIONS = {
  codec: codecRule,
  connection: connectionRule((value) => value instanceof JetStreamService, ', or a JetStreamService'),
  instruments: instrumentsRule,
  jetstream: JETSTREAM_OPTIONS,
} satisfies AllOptionsOf<TransportConnectionOptions>;

/**
 * Rejects an option that belongs in `connection`, with a hint.
 *
 * @throws {@link InvalidArgumentError}
 */
export function refuseServers(whose: string, options: object, instead: string): void {
  if (propertyOf(options, 'servers') === undefined) return;
  throw new InvalidArgumentError(
    `options of ${whose}`,
    `servers is an option of the connection; pass ${instead}`,
  );
}
