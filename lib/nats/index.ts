/**
 * The official client's own API (`@nats-io/transport-node`), in the version that this library uses: `connect`, authenticators,
 * `headers`, `NatsConnection` and its other types.
 *
 * An application that imports the client from here needs no dependency of its own on it, and cannot get a second copy.
 */
export * from '@nats-io/transport-node';
