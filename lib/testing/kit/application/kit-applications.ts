import type { INestApplication, INestApplicationContext } from '@nestjs/common';
import type { NodeConnectionOptions } from '@nats-io/transport-node';
import type { TestSettings } from '../../../connection/index.js';
import { InvalidArgumentError } from '../../../errors/index.js';
import { type HandlerConnection, TEST_SETTINGS } from '../../../handlers/index.js';
import type { JetStreamInstrument } from '../../../instruments/index.js';
import { errorText } from '../../../reporting/index.js';
import type { TestKitOptions, TestModuleBuilder } from '../kit-options.js';
import type { TestAccount } from '../test-accounts.js';
import { decodeWith, type FlowTracker, KitInstrument } from '../tracking/index.js';
import { HandlerSpies, type ReplaceableMethod } from './handler-spies.js';
import { PatternMethods } from './pattern-methods.js';
import { createHttp } from './test-module.js';
import { areClosed, connectionsOf, redirectClients, TrackedApplication } from './tracked-application.js';

/** The applications of a kit, from their start on one account of a server until the kit is closed. */
export class KitApplications {
  /** Reports the messages of an application to the kit. */
  readonly instrument: JetStreamInstrument;
  readonly spies = new HandlerSpies(() => this.methods);
  /** All that report to the kit. */
  private readonly instruments = new Set<JetStreamInstrument>();
  private readonly patterns = new PatternMethods();
  private readonly tracked: TrackedApplication[] = [];
  private address: string | undefined;
  private closing: Promise<void> | undefined;

  constructor(
    readonly account: TestAccount,
    private readonly tracker: FlowTracker,
    private readonly settings: Pick<TestSettings, 'timeScale' | 'schedules'>,
  ) {
    this.instrument = new KitInstrument(tracker);
    this.instruments.add(this.instrument);
    tracker.statusOf = (handler) =>
      this.tracked.map((each) => each.statusOf(handler)).find((status) => status !== undefined);
    tracker.decode = (data, about, headers) =>
      decodeWith(
        this.connections.find(({ name }) => name === about.connection),
        data,
        about,
        headers,
      );
  }

  /** The application that was started with the kit. */
  get main(): INestApplicationContext {
    return this.tracked[0].app;
  }

  /** The address of the application. @throws {@link InvalidArgumentError} without `http: true` */
  get url(): string {
    if (this.address === undefined)
      throw new InvalidArgumentError('http', 'the application has no address: start the kit with http: true');
    return this.address;
  }

  /** The options of a connection to the account. */
  get connection(): Pick<NodeConnectionOptions, 'servers' | 'user' | 'pass'> {
    return this.account.connection;
  }

  get connections(): readonly HandlerConnection[] {
    return this.tracked.flatMap(({ connections }) => connections);
  }

  private get methods(): readonly ReplaceableMethod[] {
    return [...this.tracked.flatMap((each) => each.methods()), ...this.patterns.list()];
  }

  /** Starts the application of a kit. @throws {@link InvalidArgumentError}, and the errors of the application */
  async start(module: TestModuleBuilder, options: TestKitOptions): Promise<void> {
    if (options.logger !== undefined) module.setLogger(options.logger);
    const compiled = await this.prepare(module).compile();
    const app = options.http === true ? createHttp(compiled) : compiled;
    try {
      this.tracked.push(TrackedApplication.of(compiled, this.instruments, 'imports'));
    } catch (error) {
      await app.close();
      throw error;
    }
    if (app !== compiled) this.tracked[0] = TrackedApplication.of(app, this.instruments, 'imports');
    await options.configure?.(app as INestApplication);
    if (options.http === true) {
      const http = app as INestApplication;
      await http.listen(0, '127.0.0.1');
      this.address = await http.getUrl();
    } else await app.init();
    this.patterns.restore(app);
    await this.tracked[0].describeStreams(this.tracker.groups);
  }

  /** Makes the application of a builder use the account, and report to the kit. */
  prepare<Builder extends TestModuleBuilder>(builder: Builder): Builder {
    const { connection, tracker, settings } = this;
    let compiled: readonly HandlerConnection[] = [];
    const instrument = new KitInstrument(tracker, () => areClosed(compiled));
    this.instruments.add(instrument);
    const testing: TestSettings = { connection, instruments: [instrument], ...settings };
    builder.overrideProvider(TEST_SETTINGS).useValue(testing);
    const compile = builder.compile.bind(builder);
    const watched: TestModuleBuilder = builder;
    watched.compile = async (...args) => {
      const app = await compile(...args);
      compiled = connectionsOf(app);
      redirectClients(app, testing);
      this.patterns.watch(app);
      return app;
    };
    return builder;
  }

  /** Follows messages through another application. @throws {@link InvalidArgumentError} */
  async add(app: INestApplicationContext): Promise<void> {
    const added = TrackedApplication.of(app, this.instruments, 'app');
    added.checkStarted();
    if (this.tracked.some((each) => each.isSame(added))) return;
    this.patterns.restore(app);
    this.tracked.push(added);
    await added.describeStreams(this.tracker.groups);
  }

  /** @throws {@link InvalidArgumentError} if the kit is closed */
  checkOpen(): void {
    if (this.closing === undefined) return;
    throw new InvalidArgumentError('kit', 'it is closed; start another one for each test, or close it later');
  }

  /** Ends all waits, closes the applications, and empties the account. @throws the error of an application */
  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  private async end(): Promise<void> {
    const { tracker, account } = this;
    tracker.waits.close();
    this.spies.restoreAll();
    const errors: unknown[] = [];
    const attempt = async (act: () => Promise<void>): Promise<void> => {
      try {
        await act();
      } catch (error) {
        errors.push(error);
      }
    };
    for (const each of [...this.tracked].toReversed()) await attempt(() => each.close(tracker.logger));
    await attempt(() => account.giveBack());
    if (errors.length > 1) throw new AggregateError(errors, errors.map((each) => errorText(each)).join('; '));
    if (errors.length === 1) throw errors[0];
  }
}
