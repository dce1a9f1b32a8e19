import type { Subscription } from '@nats-io/transport-node';
import type { JetStreamConnection } from '../../connection/index.js';
import { within } from '../../timing/index.js';

/**
 * Unsubscribes and waits for a round trip to the server, during which messages in flight still arrive. The wait is
 * limited to the timeout of an API request, and ends when the link is lost or the subscription ends in another way,
 * because no more messages arrive then.
 */
export async function endOfDrain(subscription: Subscription, connection: JetStreamConnection): Promise<void> {
  if (subscription.isClosed()) return;
  let forget = (): void => {};
  const lost = new Promise<void>(
    (resolve) => (forget = connection.listen({ onDisconnect: resolve, onClose: () => resolve() })),
  );
  await within(connection.timeout, Promise.race([subscription.drain(), subscription.closed, lost]));
  forget();
}
