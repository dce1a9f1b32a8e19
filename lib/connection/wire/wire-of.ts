import { NatsConnectionImpl, type NatsConnection } from '@nats-io/transport-node';
import { ClientWire } from './client-wire.js';
import { DirectWire } from './direct-wire.js';
import { fenceSubscriptions } from './fence.js';
import { LinkProtocol } from './link-protocol.js';
import type { SharedWire } from './wire.js';

/** Several `JetStreamConnection`s on the same `NatsConnection` share its wire. */
const wires = new WeakMap<NatsConnection, SharedWire>();

/** The wire of a connection: direct over links of this library, otherwise through the client's public methods. */
export function wireOf(nc: NatsConnection): SharedWire {
  const known = wires.get(nc);
  if (known) return known;
  const protocol = linkProtocolOf(nc);
  const wire = protocol ? new DirectWire(nc, protocol) : new ClientWire(nc, fenceSubscriptions(nc));
  wires.set(nc, wire);
  return wire;
}

/** Sets the wire of a connection. */
export function useWire(nc: NatsConnection, wire: SharedWire): void {
  wires.set(nc, wire);
}

/** Whether the messages of a connection are sent over links of this library. */
export function isDirect(nc: NatsConnection): boolean {
  return wireOf(nc) instanceof DirectWire;
}

function linkProtocolOf(nc: NatsConnection): LinkProtocol | undefined {
  const protocol = nc instanceof NatsConnectionImpl ? nc.protocol : undefined;
  return protocol instanceof LinkProtocol ? protocol : undefined;
}
