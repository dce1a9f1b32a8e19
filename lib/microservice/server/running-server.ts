import { Logger } from '@nestjs/common';
import type { Msg } from '@nats-io/transport-node';
import { bytesCodec, createCodecSelector, jsonCodec, textCodec } from '../../codecs/index.js';
import { Boot } from '../../connection/index.js';
import {
  type ApplicationShutdown,
  CleanScope,
  type ConfigurationProblem,
  JetStreamEvents,
  type ListeningServer,
} from '../../consuming/index.js';
import {
  type AttachedServer,
  DeclaredResources,
  JetStreamService,
  keepSubjects,
  type Provisioning,
  provisionStream,
  type StreamDeclaration,
} from '../../jetstream/index.js';
import { errorText, heldBackText, printable, ReportLimiter } from '../../reporting/index.js';
import { Deadline, TimeBudget, untilAborted } from '../../timing/index.js';
import { AnswerDeliveries, MessageReader } from '../events/index.js';
import { PacketReader } from '../packets/index.js';
import { isPattern } from '../patterns/index.js';
import { CallsInProgress, Listener, type ProcessingHooks, type ServingContext } from '../serving/index.js';
import type { LinkOptions } from '../link-in-test.js';
import { TransportLink, type TransportLinkOwner } from '../transport-link.js';
import { ConsumerPlanner } from './consumer-planner.js';
import { ConsumerRunners } from './consumer-runners.js';
import type { ConsumerEvent } from './jetstream-server-events.js';
import type { JetStreamServerOptions } from './jetstream-server-options.interface.js';
import { readExtras } from './known-options.js';
import { planListeners, queueProblems, storedRequests } from './listener-plans.js';
import { isDurable, misplacedExtras } from './pattern-form.js';
import { describe, isEnabled, type Registration } from './registration.js';

const DEFAULT_SHUTDOWN_TIMEOUT = 10_000;

/** The options and services of a server while it listens. */
export interface ServerParts {
  readonly options: JetStreamServerOptions & LinkOptions;
  readonly registrations: readonly Registration[];
  readonly hooks: ProcessingHooks | undefined;
  /** The subject of a pattern, as Nest converts it. */
  readonly subjectOf: (pattern: unknown) => unknown;
}

/** Receives the events of a running server. */
export interface RunningServerOwner extends TransportLinkOwner {
  onConsumerEvent(event: ConsumerEvent): void;
}

/** A server between `listen` and `close`. */
export class RunningServer implements AttachedServer {
  private readonly logger = new Logger('JetStreamServer');
  private readonly calls: CallsInProgress;
  private readonly scope = new CleanScope();
  private readonly deliveries: AnswerDeliveries;
  private readonly consumers: ConsumerRunners;
  /** Used for the startup, and later by the consumers. */
  private readonly jetstream: JetStreamService;
  private readonly boot: Boot;
  private readonly provisioning: Provisioning;
  /** The streams of the server's options and of dead letters, which are created again if they are lost. */
  private readonly declared: DeclaredResources;
  private listeners: readonly Listener[] = [];
  private readonly forbiddenReplies = new ReportLimiter();
  private drained: Promise<void> | undefined;
  private stopped = false;

  private constructor(
    private readonly parts: ServerParts,
    readonly link: TransportLink,
    owner: RunningServerOwner,
  ) {
    const { options, hooks, subjectOf } = parts;
    const { connection, codec, requests } = link;
    this.boot = new Boot(connection, options.bootTimeout ?? connection.boot?.timeout);
    const jetstream = (this.jetstream = link.jetstream.starting(this.boot));
    this.provisioning = options.provisioning ?? 'ensure';
    this.declared = new DeclaredResources(jetstream);
    const events = consumerEvents(options, owner);
    this.calls = new CallsInProgress(connection);
    this.deliveries = new AnswerDeliveries(requests, codec);
    this.consumers = new ConsumerRunners({
      connection: {
        name: connection.name,
        jetstream,
        provisioning: this.provisioning,
        declared: this.declared,
      },
      readerOf: (stream) => {
        const codecs = [jsonCodec, textCodec, bytesCodec];
        return new MessageReader(createCodecSelector(codecs, link.codecOfStream(stream)), subjectOf);
      },
      deliveries: this.deliveries,
      hooks,
      settlement: options.settlement,
      deadLetters: options.deadLetters,
      events,
    });
    this.declared.listen(({ kind: resource, name }) =>
      events.emit({
        type: 'resource-recreated',
        connection: connection.name,
        time: new Date(),
        resource,
        name,
      }),
    );
  }

  /**
   * Connects, creates streams and consumers, and serves all registrations.
   *
   * @param signal ends the wait for a server, and the startup
   * @throws {@link ConnectionFailedError}, {@link HandlerConfigurationError}, {@link BootTimeoutError}
   */
  static async start(
    parts: ServerParts,
    owner: RunningServerOwner,
    signal: AbortSignal,
  ): Promise<RunningServer> {
    const { connection: source } = parts.options;
    // A server may wait longer than a call.
    if (source instanceof JetStreamService) await source.connection.opened({ timeout: Infinity, signal });
    const link = await TransportLink.open(parts.options.name, parts.options, {}, owner, signal);
    const server = new RunningServer(parts, link, owner);
    if (!link.connection.isOpen) {
      server.logger.warn(
        `Service "${parts.options.name}" does not listen: its connection "${link.connection.name}" has no server ` +
          '(connect: false, or JETSTREAM_CONNECT=false)',
      );
      return server;
    }
    try {
      await untilAborted(
        signal,
        server.boot.step('starting the microservice', () => server.start()),
      );
      link.jetstream.servers.add(server);
      return server;
    } catch (error) {
      // A failed startup must not keep the process alive through an open connection.
      await server.abort();
      throw error;
    } finally {
      server.boot.end();
    }
  }

  /**
   * Stops receiving, waits for handlers, sends buffered messages and closes the connection if the server opened it. All
   * stages share one deadline, that of the application if there is one; a NATS server that does not respond does not
   * delay them.
   */
  stop(shutdown: ApplicationShutdown | undefined): Promise<void> {
    const { shutdownTimeout } = this;
    return this.stopWithin(shutdown?.budgetOfMember(shutdownTimeout) ?? new TimeBudget(shutdownTimeout));
  }

  /** Ends a server whose startup has not completed. */
  abort(): Promise<void> {
    return this.stopWithin(new TimeBudget(0));
  }

  private async stopWithin(budget: TimeBudget): Promise<void> {
    this.stopped = true;
    this.link.jetstream.servers.delete(this);
    this.declared.close();
    await budget.spend(() => this.drain(Math.ceil(budget.left)));
    await this.link.close(budget);
  }

  /**
   * Stops receiving and waits for handlers, within one deadline: the server's own, or that of the application if it is
   * shorter. Calling it again waits for the same end.
   */
  drain(timeout: number): Promise<void> {
    return (this.drained ??= this.end(Math.min(timeout, this.shutdownTimeout)));
  }

  get listening(): ListeningServer {
    const { jetstream } = this.link;
    const shutdown = new TimeBudget(this.shutdownTimeout);
    return {
      jetstream,
      handlers: this.consumers.handlers.map((runner) => ({ runner, jetstream, shutdown })),
    };
  }

  private get shutdownTimeout(): number {
    return this.parts.options.shutdownTimeout ?? DEFAULT_SHUTDOWN_TIMEOUT;
  }

  private async end(timeout: number): Promise<void> {
    const deadline = new Deadline(timeout);
    const ended = await Promise.allSettled([this.endCalls(deadline, timeout), this.consumers.stop(timeout)]);
    for (const outcome of ended) {
      if (outcome.status === 'rejected')
        this.logger.error(`Stopping the service failed: ${errorText(outcome.reason)}`);
    }
    await this.deliveries.end(deadline.left);
  }

  private async endCalls(deadline: Deadline, timeout: number): Promise<void> {
    await deadline.wait(Promise.all(this.listeners.map((listener) => listener.stop())));
    const unanswered = await this.calls.end(deadline.left);
    if (unanswered > 0) {
      this.logger.warn(`${unanswered} requests were cancelled: they were not answered within ${timeout} ms`);
    }
  }

  private async start(): Promise<void> {
    const { options, registrations, hooks, subjectOf } = this.parts;
    const { jetstream } = this;
    const { connection, codec } = this.link;
    for (const stream of options.streams ?? []) await this.declare(stream);
    const read = registrations.map((registration) => this.read(registration));
    const right = read.flatMap(({ registration, problems }) => (problems.length === 0 ? [registration] : []));
    const core = right.filter((registration) => !isDurable(registration) && isEnabled(registration));
    const problems = [...read.flatMap((each) => each.problems), ...queueProblems(core, options)];
    const planner = new ConsumerPlanner(jetstream, options, problems);
    const groups = await planner.plan(right.filter(isDurable));
    // A failed startup may still be waiting here for an unresponsive server.
    if (this.stopped) return;
    await this.consumers.start(groups, options.autoStart ?? true);
    if (this.stopped) return;
    const serving: ServingContext = {
      connection,
      codec,
      calls: this.calls,
      scope: this.scope,
      onError: (text) => this.logger.error(text),
      onForbiddenReply: (message) => this.reportForbiddenReply(message),
    };
    const reader = new PacketReader(codec, subjectOf);
    for (const text of storedRequests(core, options)) this.logger.warn(text);
    const plans = planListeners(core, options);
    const { instruments } = connection;
    this.listeners = plans.map((plan) => {
      const { pattern, form, queue } = plan;
      const about = {
        handler: `${options.name}: ${pattern}`,
        form,
        connection: connection.name,
        source: pattern,
      };
      const observer = instruments.handler({ ...about, patterns: [pattern], group: queue });
      return new Listener(plan, serving, reader, hooks, observer);
    });
    for (const listener of this.listeners) listener.start();
    // The server has processed all subscriptions once it has answered.
    await jetstream.api.flush('subscribing to the patterns');
    if (plans.length > 0) {
      const patterns = plans.map(({ pattern }) => `"${pattern}"`).join(', ');
      this.logger.log(`Service "${options.name}" listens on ${patterns}`);
    }
  }

  /** A registration with its parsed extras, and the problems that do not depend on how it is served. */
  private read(given: Registration): {
    readonly registration: Registration;
    readonly problems: readonly ConfigurationProblem[];
  } {
    const { extras, problems, foreign } = readExtras(given.extras);
    const handler = describe(given);
    if (foreign.length > 0) {
      this.logger.warn(`${handler}: this transport ignores the unknown extras ${foreign.join(', ')}`);
    }
    const { pattern } = given;
    const registration = { ...given, extras };
    const inExtras = problems.length > 0 ? problems : misplacedExtras(registration);
    const mistakes = isPattern(pattern)
      ? inExtras
      : [`"${String(pattern)}" is not a subject: spaces and empty tokens are not allowed`, ...inExtras];
    return { registration, problems: mistakes.map((problem) => ({ handler, problem })) };
  }

  /** Creates or checks a stream; one that is lost in a restart of the server is created again. */
  private async declare(stream: StreamDeclaration): Promise<void> {
    const { jetstream, declared } = this;
    const { name, recreate = false, subjectPolicy, provisioning = this.provisioning } = stream;
    const create = (): Promise<unknown> => provisionStream(jetstream, stream, provisioning);
    await create();
    if (provisioning !== 'ensure') {
      declared.leave(name);
      return;
    }
    const repair =
      subjectPolicy === 'merge' ? (): Promise<unknown> => keepSubjects(jetstream, stream) : undefined;
    declared.add({ kind: 'stream', name, stream: name, recreate, create, repair });
  }

  /** A peer can send any number of them, so they are reported once a minute. */
  private reportForbiddenReply({ subject, reply = '' }: Msg): void {
    const heldBack = this.forbiddenReplies.admit('reply');
    if (heldBack === undefined) return;
    this.logger.warn(
      `A message on "${printable(subject)}" is handled but not answered: the service does not publish to ` +
        `"${printable(reply.slice(0, 200))}", the reply subject chosen by the caller. Reply subjects that begin with ` +
        `"$", contain wildcards or are too long are not allowed.${heldBackText(heldBack)}`,
    );
  }
}

/** Reports events of consumers to the owner, and to the application if it provides `JetStreamEvents`. */
function consumerEvents(
  { name, jetStreamEvents }: JetStreamServerOptions,
  owner: RunningServerOwner,
): JetStreamEvents {
  const events = new JetStreamEvents();
  events.listen([], `A listener of the service "${name}"`, (event) =>
    owner.onConsumerEvent(event as ConsumerEvent),
  );
  if (jetStreamEvents) events.all.subscribe((event) => jetStreamEvents.emit(event));
  return events;
}
