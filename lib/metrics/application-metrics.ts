import { Logger } from '@nestjs/common';
import { register } from 'prom-client';
import type { Handlers } from '../consuming/index.js';
import type { HandlerConnection, JetStreamConnections } from '../handlers/index.js';
import type { JetStreamInstruments } from '../instruments/index.js';
import { connectionGauges, handlerGauges } from './application-gauges.js';
import { JetStreamMetrics } from './jetstream-metrics.js';
import type { JetStreamMetricsModuleOptions } from './metrics-options.js';
import { ReaderElection } from './reader-election.js';
import { serverFamilies } from './server-families.js';
import { ServerFiguresReader } from './server-figures.js';
import type { MetricsRegistry } from './shared-metric.js';
import { usedResources } from './used-resources.js';

const DEFAULT_LEADER_BUCKET = 'jetstream-metrics';

/** The services of an application that metrics are read from. */
export interface ObservedApplication {
  readonly instruments: JetStreamInstruments;
  readonly handlers: Handlers;
  readonly connections: JetStreamConnections;
}

/** The metrics of each application, by registry: a second import of the module must not count messages twice. */
const applications = new WeakMap<JetStreamInstruments, Map<MetricsRegistry, ApplicationMetrics>>();

/** All metrics of one application: the instrument, and what is read when the registry is scraped. */
export class ApplicationMetrics {
  readonly instrument: JetStreamMetrics;
  private readonly elections = new Map<HandlerConnection, ReaderElection>();
  private isReading = true;

  private constructor(
    private readonly application: ObservedApplication,
    private readonly options: JetStreamMetricsModuleOptions,
  ) {
    const { handlers, connections, instruments } = application;
    const instrument = (this.instrument = new JetStreamMetrics(options));
    instruments.register(instrument);
    instrument.add(handlerGauges(instrument.prefix, handlers, instrument.handlers));
    instrument.add(connectionGauges(instrument.prefix, connections));
    if (options.server === 'off') return;
    const reader = new ServerFiguresReader({
      connections: () => this.readable(),
      used: (connection) => usedResources(connection, instrument.handlers),
    });
    instrument.add(serverFamilies(reader));
  }

  /** @param options already checked */
  static of(application: ObservedApplication, options: JetStreamMetricsModuleOptions): ApplicationMetrics {
    const { instruments } = application;
    const known = applications.get(instruments) ?? new Map<MetricsRegistry, ApplicationMetrics>();
    applications.set(instruments, known);
    const created = known.get(options.registry ?? register);
    if (created !== undefined) {
      new Logger('JetStreamMetrics').warn(
        'JetStreamMetricsModule is imported twice with the same registry: the options of the first import apply. ' +
          'Import it once.',
      );
      return created;
    }
    const metrics = new ApplicationMetrics(application, options);
    known.set(metrics.instrument.registry, metrics);
    return metrics;
  }

  open(): void {
    this.instrument.open();
  }

  /** Ends reading from the server, when the application begins to shut down. */
  stopReading(): void {
    this.isReading = false;
    for (const election of this.elections.values()) election.stop();
  }

  /** Removes everything from the registry. */
  close(): void {
    this.instrument.close();
  }

  /** The connections whose streams and consumers this instance reads. */
  private readable(): readonly HandlerConnection[] {
    if (!this.isReading) return [];
    const all = this.application.connections.all();
    if (this.options.server === 'every') return all;
    return all.filter((connection) => this.electionOn(connection).isLeader);
  }

  private electionOn(connection: HandlerConnection): ReaderElection {
    const known = this.elections.get(connection);
    if (known !== undefined) return known;
    const { leaderBucket = DEFAULT_LEADER_BUCKET } = this.options;
    const election = new ReaderElection(connection, leaderBucket, () =>
      usedResources(connection, this.instrument.handlers),
    );
    this.elections.set(connection, election);
    return election;
  }
}
