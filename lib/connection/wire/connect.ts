import {
  errors,
  hasWsProtocol,
  type NatsConnection,
  type NodeConnectionOptions,
} from '@nats-io/transport-node';
import { LinkProtocol } from './link-protocol.js';

/**
 * The client's `connect` with links of this library: messages of its services and handlers bypass the client's parser,
 * and everything else works as with the client's own links.
 *
 * @throws the client's errors
 */
export async function connect(options: NodeConnectionOptions = {}): Promise<NatsConnection> {
  if (hasWsProtocol(options)) {
    throw errors.InvalidArgumentError.format('servers', "use WebSockets, which need the client's wsconnect");
  }
  return LinkProtocol.open(options);
}
