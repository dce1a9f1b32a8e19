import { isDeepStrictEqual } from 'node:util';
import {
  checkConsumer,
  type ConfigurationProblem,
  type ConsumerSource,
  HandlerConfigurationError,
  type JsConsumerOptions,
  widestPatterns,
} from '../../consuming/index.js';
import { StreamNotFoundError } from '../../errors/index.js';
import { checkSchedules, schedulesOf } from '../../handlers/index.js';
import { type JetStreamService, type Stream, subjectsOverlap } from '../../jetstream/index.js';
import { isPattern } from '../patterns/index.js';
import { consumerOptions } from './consumer-options.js';
import { durableName } from './durable-name.js';
import type { JetStreamServerOptions } from './jetstream-server-options.interface.js';
import { describe, describeAll, isEnabled, type Registration } from './registration.js';

/** Handlers that share a consumer. */
export interface ConsumerGroup {
  /** The name in errors and logs. */
  readonly name: string;
  readonly options: JsConsumerOptions;
  readonly registrations: readonly [Registration, ...Registration[]];
  /** How schedules that the consumer delivers are treated. */
  readonly schedules: ConsumerSource['schedules'];
  /** Whether its patterns are served. */
  readonly enabled: boolean;
}

type OpenGroup = { -readonly [Key in keyof ConsumerGroup]: ConsumerGroup[Key] };

/** Plans the consumers of a server. It collects all mistakes before it throws. */
export class ConsumerPlanner {
  private readonly problems: ConfigurationProblem[];
  private readonly streams = new Map<string, Promise<Stream | undefined>>();

  constructor(
    private readonly jetstream: JetStreamService,
    private readonly options: JetStreamServerOptions,
    /** The problems found before. */
    problems: readonly ConfigurationProblem[],
  ) {
    this.problems = [...problems];
  }

  /** @throws {@link HandlerConfigurationError} with all mistakes at once */
  async plan(registrations: readonly Registration[]): Promise<readonly ConsumerGroup[]> {
    const groups: OpenGroup[] = [];
    const named = new Map<string, OpenGroup>();
    for (const registration of registrations) {
      const options = await this.optionsOf(registration);
      if (!options) continue;
      const key = options.durable && `${options.stream}\n${options.durable}`;
      const group = key === undefined ? undefined : named.get(key);
      if (group) this.join(group, registration, options);
      else {
        const opened: OpenGroup = {
          name: describe(registration),
          options,
          registrations: [registration],
          schedules: undefined,
          enabled: isEnabled(registration),
        };
        groups.push(opened);
        if (key) named.set(key, opened);
      }
    }
    const complete = await Promise.all(groups.map((group) => this.complete(group)));
    if (this.problems.length > 0) throw new HandlerConfigurationError(this.problems);
    return complete;
  }

  private async optionsOf(registration: Registration): Promise<JsConsumerOptions | undefined> {
    const { extras, isEvent, pattern } = registration;
    if (!isPattern(pattern)) return undefined;
    const before = this.problems.length;
    this.check(registration);
    const defaults = (isEvent ? this.options.events : this.options.requests) ?? {};
    const wanted = (extras.stream as string | undefined) ?? defaults.stream;
    const stream = this.problems.length > before ? undefined : await this.streamOf(registration, wanted);
    if (stream === undefined) return undefined;
    const single = extras.broadcast === true || extras.ordered === true;
    const durable = (extras.durable as string | undefined) ?? this.defaultDurable(isEvent, pattern);
    return consumerOptions(registration, defaults, stream, single ? undefined : durable);
  }

  private defaultDurable(isEvent: boolean, pattern: string): string {
    const { name, events } = this.options;
    return isEvent && events?.consumer === 'service' ? name : durableName(name, pattern);
  }

  private check(registration: Registration): void {
    const { extras } = registration;
    if (extras.durable === undefined) return;
    const single = ['broadcast', 'ordered'].filter((option) => extras[option] === true);
    this.report(
      describe(registration),
      single.map((option) => `${option} gives each instance its own consumer: leave durable out`),
    );
  }

  /** The stream that stores the messages of a pattern. */
  private async streamOf(
    registration: Registration,
    wanted: string | undefined,
  ): Promise<string | undefined> {
    const { pattern } = registration;
    if (wanted !== undefined) {
      const stream = await this.find(wanted);
      const problem = stream === undefined ? missing(wanted) : mismatch(stream, pattern);
      if (problem === undefined) return wanted;
      this.report(describe(registration), [problem]);
      return undefined;
    }
    const names: string[] = [];
    for await (const name of this.jetstream.streamNames({ subject: pattern })) names.push(name);
    if (names.length === 1) return names[0];
    this.report(describe(registration), [
      names.length === 0
        ? "no stream listens on the pattern: declare one in the server's streams, create it, or set mode: 'core' to use no stream"
        : `several streams listen on the pattern (${names.join(', ')}): set the option stream to one of them`,
    ]);
    return undefined;
  }

  private find(name: string): Promise<Stream | undefined> {
    const known = this.streams.get(name);
    if (known) return known;
    const found = this.jetstream.stream(name).catch((error: unknown) => {
      if (error instanceof StreamNotFoundError) return undefined;
      throw error;
    });
    this.streams.set(name, found);
    return found;
  }

  private join(group: OpenGroup, registration: Registration, options: JsConsumerOptions): void {
    group.registrations = [...group.registrations, registration];
    if (isEnabled(registration) !== group.enabled) {
      this.report(describe(registration), [
        `shares the durable "${options.durable}" with ${group.name}, and only one of them is enabled: its messages would reach ` +
          'no handler. Give both the same value of enabled, or give one of them its own durable',
      ]);
    }
    if (isDeepStrictEqual(group.options, options)) return;
    this.report(describe(registration), [
      `shares the durable "${options.durable}" with ${group.name}, with other options: give both the same options, ` +
        'or give one of them its own durable',
    ]);
  }

  private async complete({ registrations, options: common, enabled }: OpenGroup): Promise<ConsumerGroup> {
    const name = describeAll(registrations);
    const filterSubjects = widestPatterns(registrations.map(({ pattern }) => pattern));
    const options = { ...common, filterSubjects };
    this.report(name, checkConsumer(options));
    if (filterSubjects.length > 1) this.checkFilters(name, filterSubjects);
    const { stream } = options;
    const config = (await this.find(stream))?.cachedInfo.config;
    // If it was deleted in the meantime, this is reported when its consumer is created.
    if (config === undefined) return { name, registrations, options, schedules: undefined, enabled };
    this.report(name, checkSchedules({ stream, options }, config));
    return { name, registrations, options, schedules: schedulesOf(config), enabled };
  }

  private checkFilters(name: string, filters: readonly string[]): void {
    if (!this.jetstream.connection.supports('2.10.0')) {
      this.report(name, [
        'several patterns on one consumer need nats-server 2.10: give each pattern its own durable',
      ]);
    }
    const [pair] = filters.flatMap((a, i) =>
      filters.slice(i + 1).flatMap((b) => (subjectsOverlap(a, b) ? [`"${a}" and "${b}"`] : [])),
    );
    if (pair) {
      this.report(name, [
        `${pair} match some of the same subjects, which the server does not allow on one consumer: give one of them its own durable`,
      ]);
    }
  }

  private report(handler: string, mistakes: readonly string[]): void {
    for (const problem of mistakes) this.problems.push({ handler, problem });
  }
}

function missing(stream: string): string {
  return `there is no stream "${stream}": declare it in the server's streams, or create it`;
}

/** Why a stream cannot have messages of a pattern; `undefined` if it can. */
function mismatch({ cachedInfo: { config } }: Stream, pattern: string): string | undefined {
  // Messages of these streams may have other subjects.
  if (config.mirror || config.sources?.length || config.subjectTransform) return undefined;
  if (config.subjects?.some((subject) => subjectsOverlap(subject, pattern))) return undefined;
  return `stream "${config.name}" listens on ${config.subjects?.join(', ')}, which the pattern does not match`;
}
