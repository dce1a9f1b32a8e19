import { Buffer } from 'node:buffer';
import { Logger } from '@nestjs/common';
import { type Msg, nuid, type Subscription } from '@nats-io/transport-node';
import type { ConfigurationProblem, Handlers, HandlerState, JetStreamEvents } from '../../consuming/index.js';
import type {
  HandlerConnection,
  HandlerPlans,
  JetStreamConnections,
  StageMember,
} from '../../handlers/index.js';
import type { HandlerInstrument, JetStreamInstrument, ObservedHandler } from '../../instruments/index.js';
import { errorText, heldBackText, printable, ReportLimiter } from '../../reporting/index.js';
import { within } from '../../timing/index.js';
import { isReplyAllowed } from '../../validation/index.js';
import { controlSubject } from '../control-messages.js';
import type { DiscoveryOptions } from '../discovery-options.js';
import {
  type HandlerReport,
  SERVICE_VERBS,
  type ServiceIdentity,
  serviceSubject,
  type ServiceVerb,
} from '../service-messages.js';
import { HandlerControl } from './handler-control.js';
import { nameCollisions } from './endpoint-name.js';
import { answerTo, type DescribedService } from './service-answers.js';
import { type Endpoint, ServiceEndpoints } from './service-endpoints.js';

/** How long the end of the subscriptions may take at shutdown, in milliseconds. */
const LONGEST_STOP = 500;

/** The parts of the application that a service shows. */
export interface DiscoveredApplication {
  readonly handlers: Handlers;
  readonly events: JetStreamEvents;
  readonly connections: JetStreamConnections;
}

/**
 * Answers the requests of ADR-32 on one connection, from the time at which all handlers have started until the shutdown
 * begins. It counts deliveries as an instrument.
 */
export class ServiceDiscovery implements JetStreamInstrument, StageMember, DescribedService {
  readonly identity: ServiceIdentity;
  readonly description: string;
  startedAt = new Date();
  private readonly logger = new Logger('JetStreamDiscovery');
  private readonly limiter = new ReportLimiter();
  private readonly counted: ServiceEndpoints;
  /** The connections of servers outside of the module that this instrument was given to. */
  private readonly foreign = new Set<string>();
  /** The subjects that this user must not subscribe to. */
  private readonly refused: string[] = [];
  private readonly subscriptions: Subscription[] = [];
  private readonly control: HandlerControl | undefined;
  private stopped = false;

  /** @param options already checked */
  constructor(
    private readonly connection: HandlerConnection,
    private readonly application: DiscoveredApplication,
    { name, version, description = '', metadata = {}, ...options }: DiscoveryOptions,
  ) {
    this.identity = { name, id: nuid.next(), version, metadata: { ...metadata } };
    this.description = description;
    this.counted = new ServiceEndpoints(options.errorText ?? false);
    if (options.control !== true) return;
    this.control = new HandlerControl({
      identity: this.identity,
      handlers: application.handlers,
      events: application.events,
      states: () => this.states(),
      reports: (handler) => this.reports(handler),
    });
  }

  /**
   * Called for each handler of the application, and of servers with a connection of their own that were given this
   * instrument. Other connections of modules have discovery of their own.
   */
  handler(observed: ObservedHandler): HandlerInstrument | undefined {
    const { connection } = observed;
    if (connection !== this.connection.name) {
      if (this.application.connections.get(connection) !== undefined) return undefined;
      this.foreign.add(connection);
    }
    return this.counted.observe(observed);
  }

  check({ consumers, kvWatches, objectWatches, subscriptions }: HandlerPlans): ConfigurationProblem[] {
    const planned = [
      ...consumers.flatMap(({ connection, methods }) =>
        methods.map(({ policy: { handler } }) => ({ connection, handler })),
      ),
      ...kvWatches,
      ...objectWatches,
      ...subscriptions,
    ];
    const own = planned.filter(({ connection }) => connection.name === this.connection.name);
    return nameCollisions(own.map(({ handler }) => handler)).map(({ handler, name, other }) => ({
      handler,
      problem:
        `its endpoint of the service "${this.identity.name}" has the name "${name}", like that of ${other}: names of ` +
        'endpoints only have letters, digits, "_" and "-" (option discovery). Rename the method or its class',
    }));
  }

  async started(): Promise<void> {
    const { connection } = this.connection.jetstream;
    if (connection.isReady) await this.begin();
    else connection.whenReady(() => this.begin());
  }

  private async begin(): Promise<void> {
    const { name, jetstream } = this.connection;
    if (!jetstream.connection.isOpen || this.stopped) return;
    this.startedAt = new Date();
    for (const verb of SERVICE_VERBS) {
      const { name: service, id } = this.identity;
      const subjects = [
        serviceSubject(verb),
        serviceSubject(verb, service),
        serviceSubject(verb, service, id),
      ];
      for (const subject of subjects) this.subscribe(subject, (message) => this.answer(message, verb));
    }
    const { control } = this;
    if (control !== undefined) {
      const subject = controlSubject('*', this.identity.name, this.identity.id);
      this.subscribe(subject, (message) => void this.execute(message, control));
    }
    try {
      // The server sends refusals of subscriptions before its answer.
      await jetstream.api.flush('subscribing to the requests of services');
    } catch (error) {
      // The client renews the subscriptions when it has a link again. Handlers work without them.
      this.logger.warn(`Connection "${name}": the service may not be found yet: ${errorText(error)}`);
    }
    const { name: service, version, id } = this.identity;
    this.logger.log(
      `Connection "${name}": this is instance ${id} of the service "${service}", version ${version}`,
    );
  }

  /** Ends the answers, so that the instance is not found while its handlers stop. */
  async stopping(): Promise<void> {
    if (this.stopped) return;
    this.stopped = true;
    const open = this.subscriptions.filter((subscription) => !subscription.isClosed());
    // A drain fails only if the connection is closed.
    const drained = open.map((subscription) => subscription.drain().catch(() => undefined));
    await within(LONGEST_STOP, Promise.all(drained));
  }

  endpoints(): readonly Endpoint[] {
    return this.counted.list(this.states());
  }

  /** The states of the handlers that the service shows. */
  private states(): readonly HandlerState[] {
    return this.application.handlers
      .list()
      .filter(({ connection }) => connection === this.connection.name || this.foreign.has(connection));
  }

  /** A handler with several subjects has several endpoints, with the same state. */
  private reports(name: string): readonly HandlerReport[] {
    const own = this.endpoints().filter(({ report }) => report.controlName === name);
    const unique = new Map(
      own.map(({ report }) => [[report.handler, report.source, report.consumer].join('\n'), report]),
    );
    return [...unique.values()].map(({ outcomes: _, ...report }) => report);
  }

  private subscribe(subject: string, receive: (message: Msg) => void): void {
    const { wire } = this.connection.jetstream.connection;
    const subscription = wire.subscribe(subject, {
      callback: (error, message) => {
        if (error) this.refuse(subject, error);
        else if (!this.stopped) receive(message);
      },
    });
    this.subscriptions.push(subscription);
  }

  /** Called by the parser of the link. */
  private answer(message: Msg, verb: ServiceVerb): void {
    const { reply } = message;
    if (!isReplyAllowed(reply)) return this.ignore(message);
    const { connection } = this.connection.jetstream;
    let answer = answerTo(verb, this);
    if (Buffer.byteLength(answer) > connection.maxPayload) answer = answerTo(verb, this, true);
    connection.post(reply, answer, { purpose: 'an answer about this service' });
  }

  /** Never rejects. */
  private async execute(message: Msg, control: HandlerControl): Promise<void> {
    const { reply } = message;
    // A command whose sender does not wait for the answer is not executed.
    if (!isReplyAllowed(reply)) return this.ignore(message);
    const answer = JSON.stringify(await control.execute(message));
    this.connection.jetstream.connection.post(reply, answer, { purpose: 'the answer to a command' });
  }

  /** A peer can send any number of them, so they are reported once a minute. */
  private ignore({ subject, reply = '' }: Msg): void {
    const heldBack = this.limiter.admit('reply');
    if (heldBack === undefined) return;
    const why = reply === '' ? 'it has no reply subject' : `its reply subject is "${printable(reply)}"`;
    this.logger.warn(
      `A request on "${printable(subject)}" is ignored, because ${why}.${heldBackText(heldBack)}`,
    );
  }

  private refuse(subject: string, error: Error): void {
    this.refused.push(subject);
    if (this.refused.length > 1 || this.stopped) return;
    const { name } = this.connection;
    this.logger.warn(
      `Connection "${name}": this instance of the service "${this.identity.name}" is not found by all requests, because ` +
        `it cannot listen on "${subject}": ${errorText(error)}. Grant its user this permission; docs/security.md lists all ` +
        'of them.',
    );
  }
}
