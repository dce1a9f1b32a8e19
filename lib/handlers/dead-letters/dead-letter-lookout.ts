import { HandlerConfigurationError, type ConfigurationProblem } from '../discovery/index.js';
import { errorText } from '../../reporting/index.js';
import { within } from '../../timing/index.js';
import type { ConsumerPlan, ConsumerSource, RunningPlan } from '../planning/index.js';
import { DeadLetterPublisher } from './dead-letter-publisher.js';
import { provisionDeadLetterStream } from './dead-letter-streams.js';
import { NeverSettled, type WatchedConsumer } from './never-settled.js';

/** What is looked after: a consumer handler, whoever made it. */
export type LookedAfter = ConsumerSource & RunningPlan & Partial<Pick<ConsumerPlan, 'deadLetters'>>;

/**
 * Sees to the dead letters of an application's handlers beside the handlers themselves: makes the stream, and looks out
 * for messages that were never settled.
 */
export class DeadLetterLookout {
  private readonly watches: NeverSettled[] = [];

  /**
   * To be called before the consumers are made.
   *
   * @throws {@link HandlerConfigurationError} where a stream is missing and must not be made
   */
  async start(plans: readonly LookedAfter[]): Promise<void> {
    const problems: ConfigurationProblem[] = [];
    const concerned = plans.filter((plan) => plan.deadLetters !== undefined || keepsDeadLetters(plan));
    for (const connection of new Set(concerned.map((plan) => plan.connection))) {
      const own = concerned.filter((plan) => plan.connection === connection);
      const replicas = await mostReplicas(connection, own);
      await report(problems, own[0].handler, () =>
        provisionDeadLetterStream(connection.jetstream, connection.provisioning, replicas),
      );
      if (problems.length > 0) continue;
      const { jetstream, provisioning } = connection;
      const publisher = new DeadLetterPublisher(jetstream);
      const start = async (watched: WatchedConsumer): Promise<void> => {
        const watch = new NeverSettled(jetstream, publisher, provisioning, replicas, watched);
        this.watches.push(watch);
        await report(problems, watched.handler, () => watch.start());
      };
      // The first makes the stream of advisories for all.
      const [first, ...others] = own.flatMap(watchedConsumers);
      if (first) await start(first);
      await Promise.all(others.map(start));
    }
    if (problems.length > 0) throw new HandlerConfigurationError(problems);
  }

  /** @param timeout how long to wait for what is in flight, in milliseconds */
  async stop(timeout: number): Promise<void> {
    await within(timeout, Promise.allSettled(this.watches.map((watch) => watch.stop())));
  }
}

function keepsDeadLetters({ policy }: LookedAfter): boolean {
  return policy.deadLetters !== undefined;
}

/** The consumers that outlive their clients, and give messages up. */
function watchedConsumers(plan: LookedAfter): WatchedConsumer[] {
  const { handler, stream, delivery } = plan;
  if (!keepsDeadLetters(plan) || delivery.mode === 'ordered') return [];
  const { durable, ackPolicy, maxDeliver = -1 } = delivery.config;
  if (durable === undefined || maxDeliver < 1) return [];
  return [{ handler, stream, consumer: durable, explicit: ackPolicy === 'explicit' }];
}

/** Dead letters are kept as safely as the safest of the streams that they come from. */
async function mostReplicas(
  { jetstream }: LookedAfter['connection'],
  plans: readonly LookedAfter[],
): Promise<number> {
  let replicas = 1;
  for (const name of new Set(plans.filter(keepsDeadLetters).map(({ stream }) => stream))) {
    const stream = await jetstream.stream(name);
    replicas = Math.max(replicas, stream.cachedInfo.config.replicas);
  }
  return replicas;
}

async function report(
  problems: ConfigurationProblem[],
  handler: string,
  act: () => Promise<void>,
): Promise<void> {
  try {
    await act();
  } catch (error) {
    problems.push({ handler, problem: errorText(error) });
  }
}
