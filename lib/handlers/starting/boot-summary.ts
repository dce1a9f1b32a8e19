import { Logger } from '@nestjs/common';
import {
  type BootSummary,
  limitWarnings,
  type RegisteredHandler,
  type SummaryResource,
  summaryText,
} from '../../consuming/index.js';
import { isDirect } from '../../connection/index.js';
import type { AccountInfo, ProvisioningOutcome } from '../../jetstream/index.js';
import { errorText } from '../../reporting/index.js';
import type { HandlerConnection } from '../handler-connection.js';

/** How long the server may take to describe the account, in milliseconds: the startup waits for it. */
const ACCOUNT_WITHIN = 2_000;

/** From the smallest change to the largest. */
const OUTCOMES: readonly ProvisioningOutcome[] = ['used', 'unchanged', 'updated', 'created'];

const logger = new Logger('JetStreamModule');

/** Describes what the startup found and did, and logs it as far as the options of the connections want it. */
export async function summarize(
  connections: readonly HandlerConnection[],
  handlers: readonly RegisteredHandler[],
): Promise<readonly BootSummary[]> {
  const open = connections.filter(
    ({ jetstream }) => jetstream.connection.isOpen && jetstream.connection.isReady,
  );
  return Promise.all(
    open.map(async (connection) => {
      const summary = await summaryOf(connection, handlers);
      if (connection.bootSummary !== false) logger.log(summaryText(summary));
      for (const warning of limitWarnings(summary)) logger.warn(warning);
      return summary;
    }),
  );
}

async function summaryOf(
  connection: HandlerConnection,
  handlers: readonly RegisteredHandler[],
): Promise<BootSummary> {
  const { name, jetstream, provisioned, bootSummary } = connection;
  const own = handlers.filter((each) => each.jetstream === jetstream);
  return {
    connection: name,
    server: jetstream.status.server,
    wire: isDirect(jetstream.connection.nc) ? 'direct' : 'client',
    resources: distinct(provisioned),
    handlers: own.map(({ runner, concurrency, schedule }) => {
      const { handler, kind, source, consumer, delivery, notStarted } = runner.state;
      const lag = runner.lagAtStart;
      return { handler, kind, source, consumer, delivery, notStarted, concurrency, schedule, lag };
    }),
    account: bootSummary === 'account' ? await accountOf(connection) : undefined,
  };
}

/** Several modules may declare the same resource: it is listed once, with what changed most. */
function distinct(provisioned: readonly SummaryResource[]): readonly SummaryResource[] {
  const resources = new Map<string, SummaryResource>();
  for (const each of provisioned) {
    const key = `${each.kind} ${each.name}`;
    const other = resources.get(key);
    if (other === undefined || OUTCOMES.indexOf(each.outcome) > OUTCOMES.indexOf(other.outcome))
      resources.set(key, each);
  }
  return [...resources.values()];
}

async function accountOf({ name, jetstream }: HandlerConnection): Promise<AccountInfo | undefined> {
  try {
    return await jetstream.accountInfo({ timeout: ACCOUNT_WITHIN });
  } catch (error) {
    logger.warn(`Connection "${name}": the account was not summarized: ${errorText(error)}`);
    return undefined;
  }
}
