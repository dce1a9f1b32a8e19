import { forOneServer } from '../../connection/index.js';
import {
  checkConsumer,
  checkTargets,
  type ConfigurationProblem,
  filtersOf,
  HandlerConfigurationError,
  JETSTREAM_EVENT_TYPES,
  type HandlerEnabled,
  type JsConsumerOptions,
  OptionChecks,
  pinCumulative,
  withDefaults,
} from '../../consuming/index.js';
import type { FeatureMessages } from '../../contracts/index.js';
import { errorText } from '../../reporting/index.js';
import {
  type KnownOptions,
  type OptionProblem,
  type OptionsRead,
  readOptions,
  required,
  resourceName,
  subjectRule,
} from '../../validation/index.js';
import { handlerName } from '../compile/index.js';
import type {
  ConsumerDefinition,
  EventDefinition,
  Findings,
  KvWatchDefinition,
  ObjectWatchDefinition,
  SubscribeDefinition,
} from '../discovery/index.js';
import type { HandlerConnection } from '../handler-connection.js';
import { KV_WATCH_OPTIONS, OBJECT_WATCH_OPTIONS, SUBSCRIBE_OPTIONS } from '../options/index.js';
import { checkMessages } from './message-checks.js';
import { sourceOfMessages } from './message-source.js';
import { withFilterMetadata, withFilters } from './consumer-filters.js';
import { type ConsumerPlan, planConsumer } from './consumer-plan.js';
import type { HandlerPlans, HeldPlan, Planned, SubscribePlan } from './handler-plans.js';
import { heldConsumer, heldOther } from './held-plans.js';
import type { OptionsResolver } from './options-resolver.js';
import { checkParams, type HandledInput } from './param-checks.js';
import { readPublishTargets } from './publish-targets.js';
import { ServerChecks } from './server-checks.js';
import { differentStreams, planSchedule, sharedSchedules } from './schedule-plan.js';
import { sharedDurables, sharedQueues } from './shared-sources.js';
import { type Starting, StartingRule } from './starting-rule.js';

/** A handler whose options have been read. */
interface Declared<Definition> {
  readonly definition: Definition;
  /** The handler as it was found, with the factory of its options. */
  readonly found: Definition;
  readonly problems: readonly string[];
}

/** How handlers are planned. */
export interface PlanningOptions {
  /** Plans all handlers to run: they are started by a command, or only described. Default: false. */
  readonly all?: boolean | undefined;
  /** The plans of other handlers of the application, which must not share consumers or queue groups with these. */
  readonly beside?:
    | { readonly consumers: readonly ConsumerPlan[]; readonly subscriptions: readonly SubscribePlan[] }
    | undefined;
}

/** Checks all handlers and plans how each one runs. It collects all mistakes before it throws. */
export class HandlerPlanner {
  private readonly problems: ConfigurationProblem[] = [];
  /** Handlers with other mistakes, whose streams and filters are also checked. */
  private readonly flawed: ConsumerPlan[] = [];
  /** The handlers that are not started with the application. */
  private readonly held = new Map<unknown, HeldPlan>();
  private readonly starting: StartingRule;
  private readonly all: boolean;
  private readonly beside: NonNullable<PlanningOptions['beside']>;

  constructor(
    private readonly connections: ReadonlyMap<string, HandlerConnection>,
    private readonly options: OptionsResolver,
    { all = false, beside = { consumers: [], subscriptions: [] } }: PlanningOptions = {},
  ) {
    this.all = all;
    this.starting = new StartingRule(options, all);
    this.beside = beside;
  }

  /**
   * @param features the messages that modules publish
   * @throws {@link HandlerConfigurationError} with all mistakes at once
   */
  async plan(findings: Findings, features: readonly FeatureMessages[] = []): Promise<HandlerPlans> {
    this.problems.push(...findings.problems);
    const consumers: ConsumerPlan[] = [];
    for (const definition of findings.consumers) {
      const plan = await this.planConsumer(definition);
      if (plan) consumers.push(plan);
    }
    const kvWatches = await this.declared(findings.kvWatches, KV_WATCH_OPTIONS, 'bucket');
    const objectWatches = await this.declared(findings.objectWatches, OBJECT_WATCH_OPTIONS, 'bucket');
    const subscribes = await this.declared(findings.subscriptions, SUBSCRIBE_OPTIONS, 'subject');
    const plannedKvWatches = await this.each(kvWatches, (each) => this.planWatch(each));
    const plannedObjectWatches = await this.each(objectWatches, (each) => this.planWatch(each));
    const subscriptions = await this.each(subscribes, (each) => this.planned(each, each.problems));
    const all = [...this.beside.consumers, ...consumers];
    this.problems.push(
      ...sharedQueues([...this.beside.subscriptions, ...subscriptions]),
      ...sharedDurables(all.filter(({ schedule }) => schedule === undefined)),
      ...sharedSchedules(all),
      ...differentStreams(all),
    );
    const checks = new ServerChecks((handler, mistakes) => this.report(handler, mistakes));
    const checked = await checks.checkStreams([...consumers, ...this.flawed]);
    await checks.checkBuckets(plannedKvWatches, ({ keyValue }, bucket) => keyValue.open(bucket), 'keyValues');
    await checks.checkBuckets(
      plannedObjectWatches,
      ({ objectStore }, bucket) => objectStore.open(bucket),
      'objectStores',
    );
    await checks.checkClaimBuckets(consumers);
    this.problems.push(...(await checkMessages(findings, consumers, features, this.connections)));
    for (const each of findings.events) {
      this.report(handlerName(each), [...checkEventTypes(each), ...checkParams(each, 'event')]);
    }
    if (this.problems.length > 0) throw new HandlerConfigurationError(this.problems);
    const isStarted = (plan: unknown): boolean => !this.held.has(plan);
    return {
      consumers: checked.filter(isStarted),
      kvWatches: plannedKvWatches.filter(isStarted),
      objectWatches: plannedObjectWatches.filter(isStarted),
      subscriptions: subscriptions.filter(isStarted),
      events: findings.events,
      held: [...this.held.values()],
    };
  }

  private async planConsumer(definition: ConsumerDefinition): Promise<ConsumerPlan | undefined> {
    const isTyped = definition.contracts.length > 0;
    const read = await this.read(definition.name, () => this.options.resolve(definition.options, isTyped));
    if (!read) return undefined;
    const { enabled } = read.options;
    const starting = await this.startingOf(definition.name, read.options.connection, enabled);
    if (!starting) return undefined;
    const { connection, notStarted } = starting;
    const routes = checkRoutes(definition);
    const source = await sourceOfMessages(read.options, definition, connection);
    const merged = withDefaults(source.options, connection.defaults);
    const { options, mistakes: unpinned } = pinCumulative(
      routes.length > 0 ? merged : withFilters(merged, definition, connection),
      (version) => connection.jetstream.connection.supports(version),
    );
    const declared = [...(definition.mistakes ?? []), ...sentences(read.problems), ...source.mistakes];
    const scheduled = await planSchedule(definition, options, connection, declared.length === 0);
    const single = [...declared, ...scheduled.mistakes];
    // Invalid options were removed, so combinations of options cannot be checked.
    const together =
      single.length > 0 ? [] : [...unpinned, ...checkConsumer(options), ...checkRouted(definition, options)];
    const mistakes = [...single, ...together, ...routes];
    this.report(definition.name, mistakes);
    if (routes.length === 0) this.checkTargets(definition, scheduled.options);
    const handled = inputOf(definition, options);
    for (const method of definition.methods) {
      this.report(handlerName(method), checkParams(method, handled, method.contracts));
    }
    const planned = connection.isOnTestServer ? forOneServer(scheduled.options) : scheduled.options;
    const complete = withFilterMetadata(planned, definition, connection);
    if (mistakes.length === 0) {
      const plan = planConsumer(definition, connection, complete, scheduled.method);
      if (notStarted !== undefined)
        this.held.set(plan, heldConsumer(plan, notStarted, this.open(connection), definition));
      return plan;
    }
    if (definition.schedule !== undefined) return undefined;
    if (routes.length === 0 && source.mistakes.length === 0 && namesItsMessages(read.problems))
      this.flawed.push(
        planConsumer(definition, connection, {
          stream: complete.stream,
          filterSubjects: complete.filterSubjects,
        }),
      );
    return undefined;
  }

  /** Reads options, or creates them with their factory; returns `undefined` and reports the mistake if that fails. */
  private async read<Options>(
    handler: string,
    resolve: () => Promise<OptionsRead<Options>>,
  ): Promise<OptionsRead<Options> | undefined> {
    try {
      return await resolve();
    } catch (error) {
      this.report(handler, [`its options cannot be created: ${errorText(error)}`]);
      return undefined;
    }
  }

  /** Watches and subscriptions with their resolved options. Those whose options cannot be resolved are reported. */
  private async declared<Definition extends KvWatchDefinition | ObjectWatchDefinition | SubscribeDefinition>(
    definitions: readonly Definition[],
    known: KnownOptions,
    /** The kind of the source. */
    target: 'bucket' | 'subject',
  ): Promise<Declared<Definition>[]> {
    const all: Declared<Definition>[] = [];
    const isRight = required(target === 'bucket' ? resourceName : subjectRule);
    const complete: KnownOptions = { ...known, [target]: isRight };
    for (const definition of definitions) {
      const { made, ...metadata } = definition.metadata;
      const read = await this.read(handlerName(definition), async () => {
        if (made) return this.options.make<object>(made, complete);
        const { options, problems } = readOptions(metadata.options, known);
        const name: unknown = Reflect.get(metadata, target);
        return { options: { ...options, [target]: name }, problems: [...isRight(name, target), ...problems] };
      });
      if (!read) continue;
      const { [target]: name, ...options } = read.options as Record<string, unknown>;
      all.push({
        found: definition,
        definition: { ...definition, metadata: { ...metadata, [target]: name, options } },
        problems: sentences(read.problems),
      });
    }
    return all;
  }

  private async each<Definition, Plan>(
    declared: readonly Declared<Definition>[],
    plan: (each: Declared<Definition>) => Promise<Plan | undefined>,
  ): Promise<Plan[]> {
    const plans: Plan[] = [];
    for (const each of declared) {
      const planned = await plan(each);
      if (planned !== undefined) plans.push(planned);
    }
    return plans;
  }

  private planWatch<Definition extends KvWatchDefinition | ObjectWatchDefinition>(
    declared: Declared<Definition>,
  ): Promise<Planned<Definition> | undefined> {
    const { includeHistory, updatesOnly, waitForInitialValues } = declared.definition.metadata.options;
    const mistakes = [...declared.problems];
    if (includeHistory && updatesOnly) {
      mistakes.push('includeHistory and updatesOnly cannot be combined: set only one of them');
    }
    if (waitForInitialValues && updatesOnly) {
      mistakes.push(
        'waitForInitialValues and updatesOnly cannot be combined: with updatesOnly there are no initial values',
      );
    }
    return this.planned(declared, mistakes);
  }

  private async planned<Definition extends KvWatchDefinition | ObjectWatchDefinition | SubscribeDefinition>(
    { definition, found }: Declared<Definition>,
    problems: readonly string[],
  ): Promise<Planned<Definition> | undefined> {
    const handler = handlerName(definition);
    const { metadata } = definition;
    const { connection: name, enabled } = metadata.options;
    const starting = await this.startingOf(handler, name, enabled);
    const received = metadata.kind === 'subscribe' && metadata.contract ? [metadata.contract] : [];
    const mistakes = [...problems, ...checkParams(definition, metadata.kind, received)];
    this.report(handler, mistakes);
    if (!starting || mistakes.length > 0) return undefined;
    const { connection, notStarted } = starting;
    const plan = { definition, handler, connection };
    if (notStarted !== undefined)
      this.held.set(plan, heldOther(plan, notStarted, this.open(connection), found));
    return plan;
  }

  /** Whether a handler is started, and the connection to plan it with; `undefined` if that is a mistake. */
  private async startingOf(
    handler: string,
    name: string | undefined,
    enabled: HandlerEnabled | undefined,
  ): Promise<Starting | undefined> {
    const connection = this.connectionOf(handler, name);
    if (connection === undefined) return undefined;
    // It is started by a command, which opens a connection with connect: 'lazy'.
    if (this.all) await connection.jetstream.connection.opened({ timeout: Infinity });
    try {
      return await this.starting.of(connection, enabled);
    } catch (error) {
      this.report(handler, [`its option enabled cannot be read: ${errorText(error)}`]);
      return undefined;
    }
  }

  /** The connection with its server. */
  private open(connection: HandlerConnection): HandlerConnection {
    return this.connections.get(connection.name) ?? connection;
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

  private checkTargets({ methods }: ConsumerDefinition, options: JsConsumerOptions): void {
    for (const method of methods) {
      const filters = method.patterns.length > 0 ? method.patterns : filtersOf(options);
      const { targets, mistakes } = readPublishTargets(method.callback);
      this.report(handlerName(method), mistakes);
      this.report(handlerName(method), checkTargets(targets, filters, [...this.connections.keys()], options));
    }
  }

  private report(handler: string, mistakes: readonly string[]): void {
    for (const problem of mistakes) this.problems.push({ handler, problem });
  }
}

function inputOf({ deadLetters, schedule }: ConsumerDefinition, { batch }: JsConsumerOptions): HandledInput {
  if (batch) return 'batch';
  if (schedule) return 'schedule';
  return deadLetters ? 'dead-letter' : 'message';
}

function checkRoutes({ methods }: ConsumerDefinition): readonly string[] {
  const checks = new OptionChecks();
  const known = new Set<unknown>();
  for (const { method, patterns } of methods) {
    for (const pattern of patterns) {
      checks.check(subjectRule, `the pattern of ${method}`, pattern);
      if (known.has(pattern)) checks.problems.push(`two methods are decorated with @JsHandler('${pattern}')`);
      known.add(pattern);
    }
  }
  return checks.problems;
}

/** Options that a handler with routed methods cannot have. */
function checkRouted({ methods }: ConsumerDefinition, { batch }: JsConsumerOptions): readonly string[] {
  const isRouted = methods.some(({ patterns }) => patterns.length > 0);
  return batch && isRouted ? ['batch does not support @JsHandler: use @JsConsumer on a method'] : [];
}

/** Whether the valid options are sufficient to check which messages a handler receives, despite other mistakes. */
function namesItsMessages(problems: readonly OptionProblem[]): boolean {
  return !problems.some(
    ({ option }) => option === 'stream' || option === 'filterSubjects' || !isOption(option),
  );
}

/** Whether a mistake concerns a single option. */
function isOption(option: string): boolean {
  return !option.includes(' ');
}

function checkEventTypes({ metadata }: EventDefinition): readonly string[] {
  const checks = new OptionChecks();
  for (const type of metadata.types) checks.check(JETSTREAM_EVENT_TYPES, 'the type of an event', type);
  return checks.problems;
}

function sentences(problems: readonly OptionProblem[]): readonly string[] {
  return problems.map(({ sentence }) => sentence);
}
