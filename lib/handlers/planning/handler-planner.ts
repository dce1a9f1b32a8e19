import { isDeepStrictEqual } from 'node:util';
import { BucketNotFoundError, StreamNotFoundError } from '../../errors/index.js';
import { handlerName } from '../compile/index.js';
import {
  HandlerConfigurationError,
  isConsumer,
  isKvWatch,
  type ConfigurationProblem,
  type ConsumerDefinition,
  type Findings,
  type KvWatchDefinition,
} from '../discovery/index.js';
import type { HandlerConnection } from '../handler-connection.js';
import { checkConsumer, filtersOf, planConsumer, withDefaults, type ConsumerPlan } from './consumer-plan.js';
import { OptionChecks } from './option-checks.js';
import { subjectsOverlap } from './subjects.js';

/** A watch handler with its connection. */
export interface KvWatchPlan {
  readonly definition: KvWatchDefinition;
  readonly handler: string;
  readonly connection: HandlerConnection;
}

/** All that is to be started. */
export interface HandlerPlans {
  readonly consumers: readonly ConsumerPlan[];
  readonly watches: readonly KvWatchPlan[];
}

/** Checks all handlers and decides how each is run; finds every mistake before it complains. */
export class HandlerPlanner {
  private readonly problems: ConfigurationProblem[] = [];

  constructor(private readonly connections: ReadonlyMap<string, HandlerConnection>) {}

  /** @throws {@link HandlerConfigurationError} with all mistakes at once */
  async plan({ handlers, problems }: Findings): Promise<HandlerPlans> {
    this.problems.push(...problems);
    const consumers = handlers.filter(isConsumer).flatMap((definition) => this.planConsumer(definition));
    const watches = handlers.filter(isKvWatch).flatMap((definition) => this.planWatch(definition));
    this.checkDurables(consumers);
    await this.checkStreams(consumers);
    await this.checkBuckets(watches);
    if (this.problems.length > 0) throw new HandlerConfigurationError(this.problems);
    return { consumers, watches };
  }

  private planConsumer(definition: ConsumerDefinition): ConsumerPlan[] {
    const { options } = definition.metadata;
    const connection = this.connectionOf(handlerName(definition), options.connection);
    if (!connection) return [];
    const mistakes = checkConsumer(withDefaults(options, connection.defaults));
    this.report(handlerName(definition), mistakes);
    return mistakes.length > 0 ? [] : [planConsumer(definition, connection)];
  }

  private planWatch(definition: KvWatchDefinition): KvWatchPlan[] {
    const { bucket, options } = definition.metadata;
    const handler = handlerName(definition);
    const connection = this.connectionOf(handler, options.connection);
    const checks = new OptionChecks();
    checks.name('bucket', bucket);
    checks.count('resumeFromRevision', options.resumeFromRevision);
    if (options.includeHistory && options.updatesOnly) {
      checks.problems.push('includeHistory and updatesOnly exclude each other: give one of them');
    }
    this.report(handler, checks.problems);
    return connection && checks.problems.length === 0 ? [{ definition, handler, connection }] : [];
  }

  private connectionOf(handler: string, name = 'default'): HandlerConnection | undefined {
    const connection = this.connections.get(name);
    if (!connection) {
      const known = [...this.connections.keys()].map((each) => `"${each}"`).join(', ');
      this.report(handler, [
        `there is no connection "${name}": JetStreamModule.forRoot was called for ${known}`,
      ]);
    }
    return connection;
  }

  /** Handlers on one durable would take messages from each other. */
  private checkDurables(plans: readonly ConsumerPlan[]): void {
    const first = new Map<string, ConsumerPlan>();
    for (const plan of plans) {
      const { durable } = plan.config;
      if (durable === undefined) continue;
      const key = `${plan.connection.name}\n${plan.stream}\n${durable}`;
      const other = first.get(key);
      if (!other) {
        first.set(key, plan);
        continue;
      }
      const same = isDeepStrictEqual(plan.config, other.config);
      this.report(plan.handler, [
        `shares the durable "${durable}" of stream "${plan.stream}" with ${other.handler}` +
          (same ? '' : ', with different options') +
          ': each message would reach only one of the two; give each a durable of its own',
      ]);
    }
  }

  private async checkStreams(plans: readonly ConsumerPlan[]): Promise<void> {
    const subjects = new Map<string, Promise<readonly string[] | undefined | StreamNotFoundError>>();
    for (const plan of plans) {
      const key = `${plan.connection.name}\n${plan.stream}`;
      const lookup = subjects.get(key) ?? streamSubjects(plan);
      subjects.set(key, lookup);
      const found = await lookup;
      if (found instanceof StreamNotFoundError) {
        this.report(plan.handler, [
          `there is no stream "${plan.stream}": declare it in JetStreamModule.forFeature({ streams: [...] }) or create it`,
        ]);
        continue;
      }
      for (const filter of filtersOf(plan.definition.metadata.options)) {
        if (found === undefined || found.some((subject) => subjectsOverlap(subject, filter))) continue;
        this.report(plan.handler, [
          `stream "${plan.stream}" has no subject that "${filter}" could match; it listens on ${found.join(', ')}`,
        ]);
      }
    }
  }

  private async checkBuckets(plans: readonly KvWatchPlan[]): Promise<void> {
    for (const { handler, connection, definition } of plans) {
      const { bucket } = definition.metadata;
      try {
        await connection.keyValue.open(bucket);
      } catch (error) {
        if (!(error instanceof BucketNotFoundError)) throw error;
        this.report(handler, [
          `there is no bucket "${bucket}": declare it in JetStreamModule.forFeature({ keyValues: [...] }) or create it`,
        ]);
      }
    }
  }

  private report(handler: string, mistakes: readonly string[]): void {
    for (const problem of mistakes) this.problems.push({ handler, problem });
  }
}

/** What a stream listens on; `undefined` where its messages may have other subjects (mirrors, sources, transforms). */
async function streamSubjects(
  plan: ConsumerPlan,
): Promise<readonly string[] | undefined | StreamNotFoundError> {
  try {
    const { config } = (await plan.connection.jetstream.stream(plan.stream)).cachedInfo;
    if (config.mirror || config.sources?.length || config.subjectTransform) return undefined;
    return config.subjects;
  } catch (error) {
    if (error instanceof StreamNotFoundError) return error;
    throw error;
  }
}
