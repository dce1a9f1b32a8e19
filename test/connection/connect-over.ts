import {
  connect as connectClient,
  type NatsConnection,
  type NodeConnectionOptions,
} from '@nats-io/transport-node';
import { connect } from '../../lib/connection/index.js';

/** The two wires of a connection. */
export const WIRES = ['direct', 'client'] as const;
export type WireKind = (typeof WIRES)[number];

/** Connects over links of the library, or with the client's own `connect`. */
export function connectOver(wire: string, options: NodeConnectionOptions): Promise<NatsConnection> {
  return wire === 'direct' ? connect(options) : connectClient(options);
}
