import { connect, type NatsConnection } from '@nats-io/transport-node';

/** A pull request as the server receives it. */
export interface WirePullRequest {
  readonly batch: number;
  readonly expires?: number;
  readonly idle_heartbeat?: number;
  readonly max_bytes?: number;
  readonly group?: string;
  readonly id?: string;
}

/** Records the pull requests of a client to a consumer, on a separate connection. */
export async function pullRequests(
  client: NatsConnection,
  stream: string,
  consumer: string,
): Promise<{ stop(): Promise<WirePullRequest[]> }> {
  const nc = await connect({ servers: client.getServer() });
  const requests: WirePullRequest[] = [];
  nc.subscribe(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`, {
    callback: (_error, msg) => void requests.push(msg.json<WirePullRequest>()),
  });
  await nc.flush();
  return {
    async stop() {
      await client.flush();
      await nc.flush();
      await nc.close();
      return requests;
    },
  };
}
