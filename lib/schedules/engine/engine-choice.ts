import { StreamNotFoundError } from '../../errors/index.js';
import { compareVersions } from '../../connection/index.js';
import { SERVER_ENGINE_SINCE, type ScheduleEngine, type ScheduleStore } from '../storage/index.js';

/** The API level of nats-server 2.12, whose schedules do not repeat. */
const LEVEL_OF_2_12 = 2;

/**
 * Chooses what publishes the runs: the server, if all servers that are known can do it, otherwise the leader. Known are
 * those to which instances are connected, the one that leads the API of the cluster, and the one that leads the stream.
 * A client cannot ask for the versions of the others, so the choice is repeated while an instance leads.
 *
 * @param servers the versions of the servers to which instances are connected
 */
export async function chooseEngine(
  store: ScheduleStore,
  servers: readonly string[],
): Promise<ScheduleEngine> {
  const { jetstream } = store;
  const versions = [jetstream.connection.serverVersion, ...servers];
  if (versions.some(isTooOld)) return 'leader';
  const { api } = await jetstream.accountInfo();
  if (api.level <= LEVEL_OF_2_12) return 'leader';
  try {
    const { config } = (await store.stream()).cachedInfo;
    const version = config.metadata?.['_nats.ver'] ?? '0';
    if (isTooOld(version)) return 'leader';
    return (await store.allowSchedules()) ? 'server' : 'leader';
  } catch (error) {
    if (error instanceof StreamNotFoundError) return 'leader';
    throw error;
  }
}

function isTooOld(version: string): boolean {
  return compareVersions(version, SERVER_ENGINE_SINCE) < 0;
}
