import type { NatsConnection } from '@nats-io/transport-node';
import { jsonCodec } from '../../lib/codecs/index.js';
import { JetStreamConnection } from '../../lib/connection/index.js';
import { JetStreamService } from '../../lib/jetstream/index.js';
import { Requests } from '../../lib/requests/index.js';

/** A service on a connection of the test, without an application. */
export function serviceOn(nc: NatsConnection): JetStreamService {
  const connection = new JetStreamConnection('test', nc);
  return new JetStreamService(connection, new Requests(connection), { codec: jsonCodec, publish: {} });
}
