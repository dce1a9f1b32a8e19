import type { Subscription } from '@nats-io/transport-node';
import type { JetStreamConnection } from '../../connection/index.js';
import { within } from '../../timing/index.js';

/**
 * Unsubscribes and waits for a round trip to the server, in which the messages on their way still arrive. It is not waited for
 * longer than an API request is, nor after the link broke or the subscription was ended in another way: nothing arrives then.
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
