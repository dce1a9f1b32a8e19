import { isOnTestServer, redirected, type TestSettings } from '../connection/index.js';
import { JetStreamService } from '../jetstream/index.js';
import type { TransportConnectionOptions } from './transport-connection-options.interface.js';

/** The options of a link. */
export interface LinkOptions extends TransportConnectionOptions {
  /** The changes of a test kit, if the connection is that of the kit instead of the one in the options. */
  readonly testing?: TestSettings | undefined;
}

/**
 * The options of a server or client in an application that a test kit runs: a connection of its own is that of the kit. A shared
 * connection is that of the kit already.
 *
 * @param testing the changes of the kit; `undefined` if none runs the application
 */
export function linkInTest<Options extends TransportConnectionOptions>(
  options: Options,
  testing: TestSettings | undefined,
): Options & LinkOptions {
  const { connection = {}, jetstream, instruments = [] } = options;
  if (testing === undefined || connection instanceof JetStreamService) return options;
  if (isOnTestServer(connection, testing)) return options;
  return {
    ...options,
    connection: redirected(connection, testing),
    jetstream: { timeout: jetstream?.timeout },
    instruments: [...instruments, ...testing.instruments],
    testing,
  };
}
