import { BootTimeoutError, ConsumerNotFoundError, NotAPullConsumerError } from '../../errors/index.js';
import type { ConsumerConfig } from '../../jetstream/index.js';
import { errorText } from '../../reporting/index.js';
import { within } from '../../timing/index.js';
import {
  DEAD_LETTER_STREAM,
  type DeadLetterFilter,
  DeadLetterPublisher,
  FILTER_METADATA,
  filterText,
} from '../dead-letters/index.js';
import { type ConfigurationProblem, HandlerConfigurationError } from '../handler-configuration.error.js';
import type { ConsumerSource, RunningPlan } from '../planning/index.js';
import { provisionDeadLetterStream } from './dead-letter-streams.js';
import { NeverSettled, type WatchedConsumer } from './never-settled.js';

/** A consumer handler whose dead letters are watched, declared by a decorator or by a microservice. */
export interface LookedAfter extends ConsumerSource, RunningPlan {
  /** The dead letters to receive, for a handler of dead letters. */
  readonly deadLetters?: DeadLetterFilter | undefined;
}

/**
 * Manages the dead letters of an application's handlers outside of the handlers: it creates the stream and watches for
 * messages that were never settled.
 */
export class DeadLetterLookout {
  private readonly watches: NeverSettled[] = [];

  /**
   * Must be called before the consumers are created.
   *
   * @throws {@link HandlerConfigurationError} if a stream is missing and must not be created
   */
  async start(plans: readonly LookedAfter[]): Promise<void> {
    const problems: ConfigurationProblem[] = [];
    const concerned = plans.filter((plan) => plan.deadLetters !== undefined || keepsDeadLetters(plan));
    for (const connection of new Set(concerned.map((plan) => plan.connection))) {
      const own = concerned.filter((plan) => plan.connection === connection);
      const replicas = await mostReplicas(connection, own);
      await report(problems, own[0].handler, () => provisionDeadLetterStream(connection, replicas));
      for (const plan of own) {
        const problem = await sharedDurable(plan);
        if (problem !== undefined) problems.push({ handler: plan.handler, problem });
      }
      if (problems.length > 0) continue;
      const publisher = new DeadLetterPublisher(connection.jetstream);
      const start = async (watched: WatchedConsumer): Promise<void> => {
        const watch = new NeverSettled(connection, publisher, replicas, watched);
        this.watches.push(watch);
        await report(problems, watched.handler, () => watch.start());
      };
      // The first one creates the stream of advisories for all.
      const [first, ...others] = own.flatMap(watchedConsumers);
      if (first) await start(first);
      await Promise.all(others.map(start));
    }
    if (problems.length > 0) throw new HandlerConfigurationError(problems);
  }

  /** @param timeout how long to wait for messages in flight, in milliseconds */
  async stop(timeout: number): Promise<void> {
    await within(timeout, Promise.allSettled(this.watches.map((watch) => watch.stop())));
  }
}

function keepsDeadLetters({ policy }: LookedAfter): boolean {
  return policy.deadLetters !== undefined;
}

/** The consumers that outlive their clients and limit deliveries. */
function watchedConsumers(plan: LookedAfter): WatchedConsumer[] {
  const { handler, stream, delivery } = plan;
  if (!keepsDeadLetters(plan) || delivery.mode === 'ordered') return [];
  const { durable, ackPolicy, maxDeliver = -1 } = delivery.config;
  if (durable === undefined || maxDeliver < 1) return [];
  return [{ handler, stream, consumer: durable, explicit: ackPolicy === 'explicit' }];
}

/** Returns a problem if the durable of a dead-letter handler is already used with another filter. */
async function sharedDurable({
  connection,
  delivery,
  deadLetters,
}: LookedAfter): Promise<string | undefined> {
  if (deadLetters === undefined || delivery.mode !== 'pull') return undefined;
  const { durable, filterSubject } = delivery.config;
  if (durable === undefined) return undefined;
  let theirs: ConsumerConfig;
  try {
    theirs = (await connection.jetstream.consumer(DEAD_LETTER_STREAM, durable)).cachedInfo.config;
  } catch (error) {
    // The consumer is created, or refused, when the handler starts.
    if (error instanceof ConsumerNotFoundError || error instanceof NotAPullConsumerError) return undefined;
    throw error;
  }
  const filter = filterText(deadLetters);
  const other = theirs.metadata?.[FILTER_METADATA] ?? filter;
  if (other === filter && (theirs.filterSubject ?? filterSubject) === filterSubject) return undefined;
  return (
    `the durable "${durable}" of the dead-letter stream belongs to a handler of other dead letters ` +
    `(${other || theirs.filterSubject || 'all'}), and this handler would change its consumer: give each handler its own ` +
    'durable, or delete the consumer if the filter of this handler has changed'
  );
}

/** Dead letters get as many replicas as the most replicated of the streams that they come from. */
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
    if (error instanceof BootTimeoutError) throw error;
    problems.push({ handler, problem: errorText(error) });
  }
}
