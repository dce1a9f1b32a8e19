import { isDeepStrictEqual } from 'node:util';
import { BucketNotFoundError, StreamNotFoundError } from '../../errors/index.js';
import { subjectCovers, subjectsOverlap, type StoredStreamConfig } from '../../jetstream/index.js';
import { errorText } from '../../reporting/index.js';
import { unknownOptions } from '../../validation/index.js';
import { handlerName, type HandlerMethod, type InstanceWrapper } from '../compile/index.js';
import { FILTER_METADATA, filterText } from '../dead-letters/index.js';
import type { JsConsumerOptions, MadeOptions } from '../decorators/index.js';
import {
  HandlerConfigurationError,
  type ConfigurationProblem,
  type ConsumerDefinition,
  type EventDefinition,
  type Findings,
  type KvWatchDefinition,
  type ObjectWatchDefinition,
  type SubscribeDefinition,
} from '../discovery/index.js';
import { checkTargets, getPublishTargets } from '../forwarding/index.js';
import type { HandlerConnection } from '../handler-connection.js';
import { checkConsumer, filtersOf, planConsumer, withDefaults, type ConsumerPlan } from './consumer-plan.js';
import { pinCumulative } from './cumulative-consumer.js';
import {
  KV_WATCH_OPTIONS,
  OBJECT_WATCH_OPTIONS,
  PUBLISH_TO_OPTIONS,
  SUBSCRIBE_OPTIONS,
} from './known-options.js';
import { MOST_BUFFERED, MOST_IN_FLIGHT, OptionChecks } from './option-checks.js';
import type { OptionsResolver } from './options-resolver.js';
import { checkParams } from './param-checks.js';
import { checkDeadLetterFilter } from './settlement-checks.js';
import { checkFilters, checkSchedules, schedulesOf } from './stream-checks.js';
import { SubjectRouter } from './subject-router.js';

/** A handler with its connection. */
interface Planned<Definition> {
  readonly definition: Definition;
  /** Class and method. */
  readonly handler: string;
  readonly connection: HandlerConnection;
}

export type KvWatchPlan = Planned<KvWatchDefinition>;
export type ObjectWatchPlan = Planned<ObjectWatchDefinition>;
export type SubscribePlan = Planned<SubscribeDefinition>;

/** All that is to be started. */
export interface HandlerPlans {
  readonly consumers: readonly ConsumerPlan[];
  readonly kvWatches: readonly KvWatchPlan[];
  readonly objectWatches: readonly ObjectWatchPlan[];
  readonly subscriptions: readonly SubscribePlan[];
  readonly events: readonly EventDefinition[];
}

/** Checks all handlers and decides how each is run; finds every mistake before it complains. */
export class HandlerPlanner {
  private readonly problems: ConfigurationProblem[] = [];
  /** Handlers with other mistakes, whose streams and filters are checked all the same. */
  private readonly flawed: ConsumerPlan[] = [];

  constructor(
    private readonly connections: ReadonlyMap<string, HandlerConnection>,
    private readonly options: OptionsResolver,
  ) {}

  /** @throws {@link HandlerConfigurationError} with all mistakes at once */
  async plan(findings: Findings): Promise<HandlerPlans> {
    this.problems.push(...findings.problems);
    const consumers: ConsumerPlan[] = [];
    for (const definition of findings.consumers) {
      const plan = await this.planConsumer(definition);
      if (plan) consumers.push(plan);
    }
    const kvWatches = (await this.made(findings.kvWatches)).flatMap((each) => this.planKvWatch(each));
    const objectWatches = (await this.made(findings.objectWatches)).flatMap((each) =>
      this.planObjectWatch(each),
    );
    const subscriptions = (await this.made(findings.subscriptions)).flatMap((each) =>
      this.planSubscription(each),
    );
    this.checkQueues(subscriptions);
    this.checkDurables(consumers);
    const checked = await this.checkStreams([...consumers, ...this.flawed]);
    await this.checkBuckets(kvWatches, ({ keyValue }, bucket) => keyValue.open(bucket), 'keyValues');
    await this.checkBuckets(
      objectWatches,
      ({ objectStore }, bucket) => objectStore.open(bucket),
      'objectStores',
    );
    await this.checkClaimBuckets(consumers);
    for (const each of findings.events) this.report(handlerName(each), checkParams(each, 'event'));
    if (this.problems.length > 0) throw new HandlerConfigurationError(this.problems);
    return { consumers: checked, kvWatches, objectWatches, subscriptions, events: findings.events };
  }

  private async planConsumer(definition: ConsumerDefinition): Promise<ConsumerPlan | undefined> {
    let own: JsConsumerOptions;
    try {
      own = await this.options.resolve(definition.options);
    } catch (error) {
      this.report(definition.name, [`its options cannot be made: ${errorText(error)}`]);
      return undefined;
    }
    const connection = this.connectionOf(definition.name, own.connection);
    if (!connection) return undefined;
    const { options, mistakes: unpinned } = pinCumulative(
      withFilters(withDefaults(own, connection.defaults), definition, connection),
      (version) => connection.jetstream.connection.supports(version),
    );
    const mistakes = [
      ...unpinned,
      ...(definition.deadLetters ? checkDeadLetterFilter(definition.deadLetters) : []),
      ...checkConsumer(options),
      ...checkRoutes(definition),
    ];
    this.report(definition.name, mistakes);
    this.checkTargets(definition, options);
    if (options.batch) {
      for (const method of definition.methods) this.report(handlerName(method), checkParams(method, 'batch'));
    }
    const complete = withFilterMetadata(options, definition, connection);
    if (mistakes.length === 0) return planConsumer(definition, connection, complete);
    if (namesItsMessages(options))
      this.flawed.push(
        planConsumer(definition, connection, {
          stream: complete.stream,
          filterSubjects: complete.filterSubjects,
        }),
      );
    return undefined;
  }

  /** Handlers with what is made at bootstrap of their options; those are left out where that fails. */
  private async made<Metadata extends { readonly made?: MadeOptions<Metadata> }>(
    definitions: readonly (HandlerMethod & { readonly metadata: Metadata })[],
  ): Promise<(HandlerMethod & { readonly metadata: Metadata })[]> {
    const all: (HandlerMethod & { readonly metadata: Metadata })[] = [];
    for (const definition of definitions) {
      const { made } = definition.metadata;
      try {
        all.push(made ? { ...definition, metadata: await this.options.make(made) } : definition);
      } catch (error) {
        this.report(handlerName(definition), [`its options cannot be made: ${errorText(error)}`]);
      }
    }
    return all;
  }

  private planKvWatch(definition: KvWatchDefinition): KvWatchPlan[] {
    const { bucket, options } = definition.metadata;
    const checks = new OptionChecks();
    checks.known(options, KV_WATCH_OPTIONS);
    checks.name('bucket', bucket);
    checks.count('resumeFromRevision', options.resumeFromRevision);
    if (options.includeHistory && options.updatesOnly) {
      checks.problems.push('includeHistory and updatesOnly exclude each other: give one of them');
    }
    return this.planned(definition, options.connection, checks);
  }

  private planObjectWatch(definition: ObjectWatchDefinition): ObjectWatchPlan[] {
    const { bucket, options } = definition.metadata;
    const checks = new OptionChecks();
    checks.known(options, OBJECT_WATCH_OPTIONS);
    checks.name('bucket', bucket);
    if (options.includeHistory && options.updatesOnly) {
      checks.problems.push('includeHistory and updatesOnly exclude each other: give one of them');
    }
    return this.planned(definition, options.connection, checks);
  }

  /** The server gives each message of a queue group to one of its subscriptions, so handlers that share one compete. */
  private checkQueues(plans: readonly SubscribePlan[]): void {
    plans.forEach((plan, i) => {
      const { subject, options } = plan.definition.metadata;
      const rival = plans.slice(0, i).find(({ connection, definition: { metadata } }) => {
        const isShared = options.queue !== undefined && options.queue === metadata.options.queue;
        return isShared && connection === plan.connection && subjectsOverlap(subject, metadata.subject);
      });
      if (rival === undefined) return;
      this.report(plan.handler, [
        `shares the queue group "${options.queue}" with ${rival.handler}, and "${subject}" matches subjects of ` +
          `"${rival.definition.metadata.subject}": each message would reach only one of them. Give one of them another queue`,
      ]);
    });
  }

  private planSubscription(definition: SubscribeDefinition): SubscribePlan[] {
    const { subject, options } = definition.metadata;
    const checks = new OptionChecks();
    checks.known(options, SUBSCRIBE_OPTIONS);
    checks.subject('subject', subject);
    if (options.queue !== undefined) checks.subject('queue', options.queue);
    checks.count('concurrency', options.concurrency, 1, MOST_IN_FLIGHT);
    checks.count('maxPending', options.maxPending, 1, MOST_BUFFERED);
    return this.planned(definition, options.connection, checks);
  }

  private planned<Definition extends KvWatchDefinition | ObjectWatchDefinition | SubscribeDefinition>(
    definition: Definition,
    connectionName: string | undefined,
    checks: OptionChecks,
  ): Planned<Definition>[] {
    const handler = handlerName(definition);
    const connection = this.connectionOf(handler, connectionName);
    checks.problems.push(...checkParams(definition, definition.metadata.kind));
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
      const { durable } = plan.options;
      if (durable === undefined) continue;
      const key = `${plan.connection.name}\n${plan.stream}\n${durable}`;
      const other = first.get(key);
      if (!other) {
        first.set(key, plan);
        continue;
      }
      const [{ method }] = plan.methods;
      const [{ method: same }] = other.methods;
      if (method.target === same.target && method.wrapper !== same.wrapper) {
        this.report(plan.handler, [sameClass(method.wrapper, same.wrapper, other.handler)]);
        continue;
      }
      const alike = isDeepStrictEqual(plan.delivery, other.delivery);
      this.report(plan.handler, [
        `shares the durable "${durable}" of stream "${plan.stream}" with ${other.handler}` +
          (alike ? '' : ', with different options') +
          ': each message would reach only one of the two; give each a durable of its own',
      ]);
    }
  }

  /** Looks at the streams of handlers; the plans that it returns know whether their streams have schedules. */
  private async checkStreams(plans: readonly ConsumerPlan[]): Promise<ConsumerPlan[]> {
    const configs = new Map<string, Promise<StoredStreamConfig | StreamNotFoundError>>();
    const checked: ConsumerPlan[] = [];
    for (const plan of plans) {
      // The dead-letter stream is made before its consumers are.
      if (plan.deadLetters) {
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

  private checkTargets({ methods }: ConsumerDefinition, options: JsConsumerOptions): void {
    for (const method of methods) {
      const filters = method.patterns.length > 0 ? method.patterns : filtersOf(options);
      const targets = getPublishTargets(method.callback);
      for (const { options: own } of targets)
        this.report(handlerName(method), unknownOptions(own, PUBLISH_TO_OPTIONS, '@PublishTo'));
      this.report(handlerName(method), checkTargets(targets, filters, [...this.connections.keys()], options));
    }
  }

  /** A bucket that remembers keys is made later where it is missing, but not where nothing is to be made. */
  private async checkClaimBuckets(plans: readonly ConsumerPlan[]): Promise<void> {
    const unmade = plans.filter(({ connection }) => connection.provisioning !== 'ensure');
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

  private async checkBuckets(
    plans: readonly Planned<KvWatchDefinition | ObjectWatchDefinition>[],
    open: (connection: HandlerConnection, bucket: string) => Promise<unknown>,
    option: string,
  ): Promise<void> {
    for (const { handler, connection, definition } of plans) {
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

  private report(handler: string, mistakes: readonly string[]): void {
    for (const problem of mistakes) this.problems.push({ handler, problem });
  }
}

/** Two providers of one class, whose handlers have the same durable. */
function sameClass(wrapper: InstanceWrapper, same: InstanceWrapper, handler: string): string {
  const shared = 'and each message would reach only one of the two';
  if (wrapper.host !== same.host) {
    return (
      `is the same class as ${handler}, provided by two modules, ${shared}: provide the class in one module, and let that ` +
      'export it'
    );
  }
  return (
    `is the same class as ${handler}, provided twice by ${wrapper.host?.name ?? 'one module'} (as ${tokenText(same)} and ` +
    `${tokenText(wrapper)}), ${shared}: provide it once, and the other token by useExisting`
  );
}

function tokenText({ token }: InstanceWrapper): string {
  return typeof token === 'function' ? token.name : `"${String(token)}"`;
}

/** A class's consumer delivers what its methods handle, where it does not say otherwise. */
function withFilters(
  options: JsConsumerOptions,
  { methods }: ConsumerDefinition,
  { jetstream }: HandlerConnection,
): JsConsumerOptions {
  const patterns = [...new Set(methods.flatMap((method) => method.patterns))];
  if (patterns.length === 0 || options.filterSubjects !== undefined) return options;
  // The server refuses filters that overlap; the wider one delivers what the narrower one would.
  const filters = patterns.filter(
    (pattern) => !patterns.some((other) => other !== pattern && subjectCovers(other, pattern)),
  );
  const overlap = filters.some((a) => filters.some((b) => a !== b && subjectsOverlap(a, b)));
  const mayFilter = !overlap && (filters.length === 1 || jetstream.connection.supports('2.10.0'));
  return mayFilter ? { ...options, filterSubjects: filters } : options;
}

/** The consumer of a handler of dead letters says which ones it takes, for other services that use the same name. */
function withFilterMetadata(
  options: JsConsumerOptions,
  { deadLetters }: ConsumerDefinition,
  { jetstream }: HandlerConnection,
): JsConsumerOptions {
  if (deadLetters === undefined || !jetstream.connection.supports('2.10.0')) return options;
  return { ...options, metadata: { ...options.metadata, [FILTER_METADATA]: filterText(deadLetters) } };
}

function checkRoutes({ methods }: ConsumerDefinition): readonly string[] {
  const checks = new OptionChecks();
  const router = new SubjectRouter<object>();
  for (const { method, patterns } of methods) {
    for (const pattern of patterns) {
      checks.subject(`the pattern of ${method}`, pattern);
      if (!router.add(pattern, {}))
        checks.problems.push(`two methods are decorated with @JsHandler('${pattern}')`);
    }
  }
  return checks.problems;
}

async function streamConfig(plan: ConsumerPlan): Promise<StoredStreamConfig | StreamNotFoundError> {
  try {
    return (await plan.connection.jetstream.stream(plan.stream)).cachedInfo.config;
  } catch (error) {
    if (error instanceof StreamNotFoundError) return error;
    throw error;
  }
}

/** Whether the options say well enough which messages a handler wants for that to be checked, whatever else is wrong. */
function namesItsMessages(options: JsConsumerOptions): boolean {
  const checks = new OptionChecks();
  checks.name('stream', options.stream);
  const filters: readonly unknown[] = [options.filterSubjects ?? []].flat();
  if (filters.some((filter) => typeof filter !== 'string')) return false;
  for (const filter of filtersOf(options)) checks.subject('filterSubjects', filter);
  return checks.problems.length === 0;
}
