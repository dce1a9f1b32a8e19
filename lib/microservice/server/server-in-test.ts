import { forOneServer, TEST_SHUTDOWN_TIMEOUT, type TestSettings } from '../../connection/index.js';
import { type LinkOptions, linkInTest } from '../link-in-test.js';
import type { JetStreamServerOptions } from './jetstream-server-options.interface.js';
import type { Registration } from './registration.js';

/** The options of a server, and the registrations of its handlers. */
interface Definition {
  readonly options: JetStreamServerOptions & LinkOptions;
  readonly registrations: readonly Registration[];
}

/**
 * A server in an application that a test kit runs: its connection is that of the kit, whose account is empty, on a single server.
 *
 * @param testing the changes of the kit; `undefined` if none runs the application
 */
export function serverInTest(given: Definition, testing: TestSettings | undefined): Definition {
  if (testing === undefined) return given;
  const { options, registrations } = given;
  const { streams, events, requests, shutdownTimeout = Infinity } = options;
  return {
    options: {
      ...linkInTest(options, testing),
      provisioning: 'ensure',
      streams: streams?.map((stream) => ({ ...forOneServer(stream), provisioning: undefined })),
      events: events && forOneServer(events),
      requests: requests && forOneServer(requests),
      shutdownTimeout: Math.min(shutdownTimeout, TEST_SHUTDOWN_TIMEOUT),
    },
    registrations: registrations.map((each) => ({ ...each, extras: forOneServer(each.extras) })),
  };
}
