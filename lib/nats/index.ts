/**
 * The official client's own API (`@nats-io/transport-node`), in the version that this library uses: authenticators,
 * `headers`, `NatsConnection` and its other types, and a `connect` whose connections use links of this library:
 * messages of its services and handlers bypass the client's parser.
 *
 * An application that imports the client from here does not need its own dependency on it, and cannot get a second
 * copy.
 */
export * from '@nats-io/transport-node';
export { connect } from '../connection/index.js';
