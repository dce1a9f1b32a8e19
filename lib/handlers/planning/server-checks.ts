import { BucketNotFoundError, StreamNotFoundError } from '../../errors/index.js';
import type { StoredStreamConfig } from '../../jetstream/index.js';
import type { KvWatchDefinition, ObjectWatchDefinition } from '../discovery/index.js';
import type { HandlerConnection } from '../handler-connection.js';
import type { ConsumerPlan } from './consumer-plan.js';
import type { Planned } from './handler-plans.js';
import { checkFilters, checkSchedules, schedulesOf } from './stream-checks.js';

/** The checks of handlers that ask the server. They are skipped for handlers whose connection has none. */
export class ServerChecks {
  constructor(private readonly report: (handler: string, mistakes: readonly string[]) => void) {}

  /** Reads the streams of handlers. The returned plans include whether their streams have schedules. */
  async checkStreams(plans: readonly ConsumerPlan[]): Promise<ConsumerPlan[]> {
    const configs = new Map<string, Promise<StoredStreamConfig | StreamNotFoundError>>();
    const checked: ConsumerPlan[] = [];
    for (const plan of plans) {
      // The streams of dead letters and schedules are created before their consumers. Without a server, there are no streams
      // to check.
      if (plan.deadLetters || plan.schedule || !plan.connection.jetstream.connection.isOpen) {
        checked.push(plan);
        continue;
      }
      const key = `${plan.connection.name}\n${plan.stream}`;
      const lookup = configs.get(key) ?? streamConfig(plan);
      configs.set(key, lookup);
      const config = await lookup;
      if (config instanceof StreamNotFoundError) {
        this.report(plan.handler, [
          `there is no stream "${plan.stream}": declare it in JetStreamModule.forFeature({ streams: [...] }) or create it`,
        ]);
        continue;
      }
      this.report(plan.handler, [...checkFilters(plan, config), ...checkSchedules(plan, config)]);
      checked.push({ ...plan, schedules: schedulesOf(config) });
    }
    return checked;
  }

  /** A missing bucket for idempotence keys is created later, unless the provisioning mode forbids it. */
  async checkClaimBuckets(plans: readonly ConsumerPlan[]): Promise<void> {
    const unmade = plans.filter(
      ({ connection }) => connection.provisioning !== 'ensure' && connection.jetstream.connection.isOpen,
    );
    for (const { handler, connection, options } of unmade) {
      if (!options.idempotent) continue;
      const { bucket } = options.idempotent;
      try {
        await connection.keyValue.open(bucket);
      } catch (error) {
        if (!(error instanceof BucketNotFoundError)) throw error;
        this.report(handler, [
          `there is no bucket "${bucket}" for idempotent: create it, or set provisioning: "ensure"`,
        ]);
      }
    }
  }

  async checkBuckets(
    plans: readonly Planned<KvWatchDefinition | ObjectWatchDefinition>[],
    open: (connection: HandlerConnection, bucket: string) => Promise<unknown>,
    option: string,
  ): Promise<void> {
    for (const { handler, connection, definition } of plans) {
      if (!connection.jetstream.connection.isOpen) continue;
      const { bucket } = definition.metadata;
      try {
        await open(connection, bucket);
      } catch (error) {
        if (!(error instanceof BucketNotFoundError)) throw error;
        this.report(handler, [
          `there is no bucket "${bucket}": declare it in JetStreamModule.forFeature({ ${option}: [...] }) or create it`,
        ]);
      }
    }
  }
}

async function streamConfig(plan: ConsumerPlan): Promise<StoredStreamConfig | StreamNotFoundError> {
  try {
    return (await plan.connection.jetstream.stream(plan.stream)).cachedInfo.config;
  } catch (error) {
    if (error instanceof StreamNotFoundError) return error;
    throw error;
  }
}
