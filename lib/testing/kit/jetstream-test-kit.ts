import { ConsoleLogger, type INestApplication, type INestApplicationContext } from '@nestjs/common';
import type { NodeConnectionOptions } from '@nats-io/transport-node';
import {
  isMessageContract,
  type MessageContract,
  type ParamsOf,
  type PayloadInputOf,
  type PublishedOf,
} from '../../contracts/index.js';
import type { TestSettings } from '../../connection/index.js';
import { InvalidArgumentError } from '../../errors/index.js';
import { type HandlerConnection, TEST_SETTINGS } from '../../handlers/index.js';
import type { JetStreamInstrument } from '../../instruments/index.js';
import { errorText } from '../../reporting/index.js';
import { Schedules } from '../../schedules/index.js';
import { deadLetterOf, handledOf } from './contract-messages.js';
import { deadLetterSearch, handledSearch, waitFor, waitForNothing } from './expectations.js';
import type {
  DeadLetteredMessage,
  DeadLetteredMessageOf,
  DeadLetterMatcher,
  HandledMatcher,
  HandledMessage,
  HandledMessageOf,
  ParamsMatcher,
} from './flow.js';
import { FlowTracker } from './flow-tracker.js';
import { type HandlerSpy, HandlerSpies, type ReplaceableMethod } from './handler-spies.js';
import { KitInstrument } from './kit-instrument.js';
import {
  checkExpectNothingOptions,
  checkKitOptions,
  checkWaitOptions,
  type ExpectNothingOptions,
  type TestKitOptions,
  type TestMessageOptions,
  type TestModuleBuilder,
  type TestPublishOptions,
  type TestWaitOptions,
} from './kit-options.js';
import { decodeWith } from './payloads.js';
import { PatternMethods } from './pattern-methods.js';
import { publicationOf } from './publication.js';
import { warnOfFakeTimers } from './real-timers.js';
import {
  checkDeadLetterOptions,
  checkHandledOptions,
  DEAD_LETTERS,
  type DeadLetterOptions,
  type DeadLetterSelector,
  DELIVERIES,
  HANDLED_MESSAGES,
  type HandledOptions,
  type HandledSelector,
  selectionOf,
} from './selectors.js';
import { TestAccount } from './test-accounts.js';
import { createHttp, moduleOf } from './test-module.js';
import { TestKitFlow, waitUntilIdle } from './test-kit-flow.js';
import { areClosed, connectionsOf, redirectClients, TrackedApplication } from './tracked-application.js';

const DEFAULT_TIMEOUT = 5_000;
/** How long `expectNothing` waits, in milliseconds. */
const DEFAULT_QUIET = 100;

/**
 * An application that runs on a real nats-server, with an account of its own, and whose messages a test can follow.
 *
 * The server is started once per process, and ends with it. All connections of the application use the account, which is
 * emptied when the kit is closed; the application itself does not have to be changed. Needs the package `@nestjs/testing`.
 *
 * @example
 * ```ts
 * await using kit = await JetStreamTestKit.start({ imports: [AppModule] });
 * const flow = await kit.publish('orders.1.placed', { id: 1 }).settled();
 * expect(flow.handled).toMatchObject([{ handler: 'Billing.onPlaced', outcome: 'acked' }]);
 * ```
 */
export class JetStreamTestKit implements AsyncDisposable {
  /** Reports the messages of an application to this kit; for {@link alsoTrack}. */
  readonly instrument: JetStreamInstrument;
  /** All that report to this kit. */
  private readonly instruments = new Set<JetStreamInstrument>();
  private readonly tracker = new FlowTracker();
  private readonly spies = new HandlerSpies(() => this.methods);
  private readonly patterns = new PatternMethods();
  private readonly tracked: TrackedApplication[] = [];
  private address: string | undefined;
  private closing: Promise<void> | undefined;

  private constructor(
    private readonly account: TestAccount,
    private readonly timeout: number,
    /** The factor for delays of handlers; see {@link TestKitOptions.timeScale}. */
    readonly timeScale: number,
    private readonly schedules: boolean,
  ) {
    this.instrument = new KitInstrument(this.tracker);
    this.instruments.add(this.instrument);
    this.tracker.statusOf = (handler) =>
      this.tracked.map((each) => each.statusOf(handler)).find((status) => status !== undefined);
    this.tracker.decode = (data, about, headers) =>
      decodeWith(
        this.connections.find(({ name }) => name === about.connection),
        data,
        about,
        headers,
      );
  }

  /**
   * Starts an application, on the server of this process.
   *
   * @throws {@link InvalidArgumentError} if options are invalid, or the application has no `JetStreamModule`
   * @throws {@link PackageNotInstalledError} if `@nestjs/testing` is not installed
   * @throws the errors of `NatsTestServer.start`, and those of the application
   */
  static async start(options: TestKitOptions): Promise<JetStreamTestKit> {
    const given = checkKitOptions(options);
    const logger = given.logger ?? new ConsoleLogger();
    warnOfFakeTimers(logger);
    const module = await moduleOf(given);
    const account = await TestAccount.take(given.version);
    const kit = new JetStreamTestKit(
      account,
      given.timeout ?? DEFAULT_TIMEOUT,
      given.timeScale ?? 1,
      given.schedules ?? false,
    );
    kit.tracker.logger = logger;
    try {
      await kit.run(module, given);
      return kit;
    } catch (error) {
      await kit.close().catch(() => undefined);
      throw error;
    }
  }

  /** The application: an `INestApplication` with `http: true`. */
  get app(): INestApplicationContext {
    return this.tracked[0].app;
  }

  /** The address of the application. @throws {@link InvalidArgumentError} without `http: true` */
  get url(): string {
    if (this.address === undefined)
      throw new InvalidArgumentError('http', 'the application has no address: start the kit with http: true');
    return this.address;
  }

  /** The options of a connection to the account of this kit, for example for another application. */
  get connection(): Pick<NodeConnectionOptions, 'servers' | 'user' | 'pass'> {
    return this.account.connection;
  }

  /** The version of the server, such as `2.12.1`. */
  get serverVersion(): string {
    return this.account.serverVersion;
  }

  /** A provider of the application, regardless of its module. @throws Nest's error if there is none */
  get<Service>(token: (abstract new (...args: never[]) => Service) | string | symbol): Service {
    return this.app.get<Service>(token, { strict: false });
  }

  /**
   * Publishes a message of a contract, as its publisher does: the payload is validated. {@link TestKitFlow.settled} of the result
   * waits for everything that the message causes; it rejects with `InvalidMessageError` if the schema refuses the payload.
   *
   * @example
   * ```ts
   * const flow = await kit.publish(OrderPlaced, { id: '7' }, { customer: 'Sue', total: 129.9 }).settled();
   * ```
   *
   * @param params the parameters of the subject; `{}` if it has none
   * @throws {@link InvalidArgumentError} if a parameter is not one token of a subject, there is no connection of this name, or the
   * kit is closed
   */
  publish<const Contract extends MessageContract>(
    contract: Contract,
    params: ParamsOf<Contract>,
    payload: PayloadInputOf<Contract>,
    options?: TestMessageOptions<Contract>,
  ): TestKitFlow<PublishedOf<Contract>>;
  /**
   * Publishes a message. {@link TestKitFlow.settled} of the result waits for everything that it causes.
   *
   * @throws {@link InvalidArgumentError} if there is no connection of this name, or the kit is closed
   */
  publish(subject: string, payload?: unknown, options?: TestPublishOptions): TestKitFlow;
  /** Both forms. @throws {@link InvalidArgumentError} */
  publish(target: string | MessageContract, ...args: unknown[]): TestKitFlow {
    const { subject, publish } = publicationOf(this.connections, target, args);
    return this.follow(`The message to "${subject}"`, publish);
  }

  /**
   * Calls a function, and follows all that it causes: its own calls of the services, and everything that begins outside of
   * any other flow until it has ended, such as the publishes of an HTTP request to the application.
   *
   * @example
   * ```ts
   * const flow = await kit.track(() => fetch(`${kit.url}/orders`, { method: 'POST' })).settled();
   * ```
   *
   * @throws {@link InvalidArgumentError} if it is not a function, or the kit is closed
   */
  track<Result>(act: () => Result | Promise<Result>): TestKitFlow<Result> {
    if (typeof act !== 'function') throw new InvalidArgumentError('act', 'it must be a function');
    return this.follow('The action of the test', act, true);
  }

  /**
   * Runs a schedule now, whether or not it is due, and follows all that the run causes. Schedules do not run by themselves
   * in a test, unless {@link TestKitOptions.schedules} is set.
   *
   * @example
   * ```ts
   * const flow = await kit.fire('Reports.daily').settled();
   * ```
   *
   * @param schedule the name of the schedule, by default class and method
   * @param payload what `@Payload()` is. Default: none
   * @returns a flow whose result is the id of the run; it rejects with `ScheduleNotFoundError` if there is no such schedule
   * @throws {@link InvalidArgumentError} if the kit is closed
   */
  fire(schedule: string, payload?: unknown): TestKitFlow<string> {
    return this.follow(`The run of the schedule "${schedule}"`, () =>
      this.get(Schedules).runNow(schedule, payload),
    );
  }

  /**
   * Waits until a handler has handled a message of a contract, since the start of the kit or the last {@link forget}: by
   * default, without failing.
   *
   * @throws the errors of the other form
   */
  handled<const Contract extends MessageContract>(
    selector: Contract,
    options?: Omit<HandledMatcher, 'subject'> & ParamsMatcher<Contract> & TestWaitOptions,
  ): Promise<HandledMessageOf<Contract>>;
  /**
   * Waits until a handler has handled a message that matches, since the start of the kit or the last {@link forget}: by
   * default, without failing.
   *
   * @param selector the name of a handler, such as `Billing.onPlaced`, properties, or a function
   * @throws {@link TestKitTimeoutError}, {@link HandlerNotFoundError}, {@link InvalidArgumentError}; what a function as the selector
   * throws
   */
  handled(
    selector: Exclude<HandledSelector, MessageContract>,
    options?: HandledMatcher & TestWaitOptions,
  ): Promise<HandledMessage>;
  async handled(selector: HandledSelector, options: HandledOptions = {}): Promise<HandledMessage> {
    const { timeout, ...more } = checkHandledOptions(options);
    const search = handledSearch(this.tracker, selectionOf(HANDLED_MESSAGES, selector, more));
    const found = await waitFor(this.tracker, search, this.wait({ timeout }));
    return isMessageContract(selector) ? handledOf(selector, found) : found;
  }

  /**
   * Waits until a message of a contract has become a dead letter, since the start of the kit or the last {@link forget}.
   *
   * @throws the errors of the other form
   */
  deadLettered<const Contract extends MessageContract>(
    selector: Contract,
    options?: Omit<DeadLetterMatcher, 'subject'> & ParamsMatcher<Contract> & TestWaitOptions,
  ): Promise<DeadLetteredMessageOf<Contract>>;
  /**
   * Waits until a message that matches has become a dead letter, since the start of the kit or the last {@link forget}.
   *
   * @param selector the name of a handler, such as `Billing.onPlaced`, properties, or a function. Default: any dead letter
   * @throws {@link TestKitTimeoutError}, {@link HandlerNotFoundError}, {@link InvalidArgumentError}; what a function as the selector
   * throws
   */
  deadLettered(
    selector?: Exclude<DeadLetterSelector, MessageContract>,
    options?: DeadLetterMatcher & TestWaitOptions,
  ): Promise<DeadLetteredMessage>;
  async deadLettered(
    selector: DeadLetterSelector = {},
    options: DeadLetterOptions = {},
  ): Promise<DeadLetteredMessage> {
    const { timeout, ...more } = checkDeadLetterOptions(options);
    const search = deadLetterSearch(this.tracker, selectionOf(DEAD_LETTERS, selector, more));
    const found = await waitFor(this.tracker, search, this.wait({ timeout }));
    return isMessageContract(selector) ? deadLetterOf(selector, found) : found;
  }

  /**
   * Waits until nothing is pending: in no flow, and of nothing that the application has begun by itself.
   *
   * @throws {@link TestKitTimeoutError}, {@link InvalidArgumentError}
   */
  async idle(options: TestWaitOptions = {}): Promise<void> {
    await waitUntilIdle(this.tracker, this.wait(options));
  }

  /**
   * Waits for a time in which no message that matches is delivered to a handler, even if the handler fails. A handler that
   * still runs at the end of that time counts too; if the selector depends on how it ends, its end is waited for.
   *
   * @param selector the contract of the message, the name of a handler, such as `Billing.onPlaced`, properties, or a function.
   * Default: any message
   * @param options.within how long to wait, in milliseconds. Default: 100
   * @throws {@link TestKitAssertionError} at once if there is one; {@link TestKitTimeoutError} if the end of a handler is waited
   * for too long; {@link HandlerNotFoundError}, {@link InvalidArgumentError}; what a function as the selector throws
   */
  async expectNothing(selector: HandledSelector = {}, options: ExpectNothingOptions = {}): Promise<void> {
    const { within = DEFAULT_QUIET } = checkExpectNothingOptions(options);
    const times = { within, timeout: this.wait({}) };
    await waitForNothing(this.tracker, handledSearch(this.tracker, selectionOf(DELIVERIES, selector)), times);
  }

  /** Forgets what was handled so far, for {@link handled} and {@link deadLettered}. */
  forget(): void {
    const { everything, failures } = this.tracker;
    failures.length = 0;
    everything.handled.length = 0;
    everything.published.length = 0;
    everything.deadLettered.length = 0;
  }

  /**
   * Records the calls of a handler, until the kit is closed. The handler is still called.
   *
   * @param handler the class and method, such as `Billing.onPlaced`
   * @throws {@link HandlerNotFoundError}; {@link InvalidArgumentError} if the kit is closed
   */
  spyOn(handler: string): HandlerSpy {
    this.checkOpen();
    return this.spies.spyOn(handler);
  }

  /**
   * Calls a function instead of the method of a handler, until the kit is closed. It receives the parameters of the method;
   * guards, pipes, interceptors and filters stay.
   *
   * @param handler the class and method, such as `Billing.onPlaced`
   * @returns a function that restores the method
   * @throws {@link HandlerNotFoundError}, {@link InvalidArgumentError}
   */
  replace(handler: string, act: (...args: never[]) => unknown): () => void {
    this.checkOpen();
    if (typeof act !== 'function') throw new InvalidArgumentError('act', 'it must be a function');
    return this.spies.replace(handler, act);
  }

  /**
   * Makes the application of a module builder use the account of this kit, and report to it. Compile it afterwards, and pass
   * the started application to {@link alsoTrack}.
   *
   * @returns the builder
   * @throws {@link InvalidArgumentError} if the kit is closed
   */
  prepare<Builder extends TestModuleBuilder>(builder: Builder): Builder {
    this.checkOpen();
    const { connection, tracker, timeScale, schedules } = this;
    let compiled: readonly HandlerConnection[] = [];
    const instrument = new KitInstrument(tracker, () => areClosed(compiled));
    this.instruments.add(instrument);
    const settings: TestSettings = { connection, instruments: [instrument], timeScale, schedules };
    builder.overrideProvider(TEST_SETTINGS).useValue(settings);
    const compile = builder.compile.bind(builder);
    const watched: TestModuleBuilder = builder;
    watched.compile = async (...args) => {
      const app = await compile(...args);
      compiled = connectionsOf(app);
      redirectClients(app, settings);
      this.patterns.watch(app);
      return app;
    };
    return builder;
  }

  /**
   * Follows messages through another application too, which uses the same account: it was made with {@link prepare}, or with
   * `JetStreamModule.forRoot({ connection: kit.connection, instruments: [kit.instrument] })`. The kit closes it.
   *
   * @throws {@link InvalidArgumentError} if it does not report to this kit, was not started, or is closed
   */
  async alsoTrack(app: INestApplicationContext): Promise<void> {
    this.checkOpen();
    const tracked = TrackedApplication.of(app, this.instruments, 'app');
    tracked.checkStarted();
    if (this.tracked.some((each) => each.isSame(tracked))) return;
    this.patterns.restore(app);
    this.tracked.push(tracked);
    await tracked.describeStreams(this.tracker.groups);
  }

  /**
   * Closes the applications, restores methods, and empties the account. Handlers that hang are waited for up to one second.
   * Waits of the test that have not ended reject with an {@link InvalidArgumentError}.
   *
   * @throws the error of an application that cannot be closed; the others are closed nevertheless
   */
  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  /**
   * The same as {@link close}.
   *
   * @throws the errors of {@link close}
   */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private async run(module: TestModuleBuilder, options: TestKitOptions): Promise<void> {
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

  private follow<Result>(
    name: string,
    act: () => Result | Promise<Result>,
    adopts = false,
  ): TestKitFlow<Result> {
    this.checkOpen();
    const { tracker } = this;
    warnOfFakeTimers(tracker.logger);
    const flow = tracker.open();
    const release = adopts ? tracker.adopt(flow) : () => undefined;
    const result = tracker.inside(flow, async () => {
      try {
        return await act();
      } finally {
        release();
      }
    });
    return new TestKitFlow(name, flow, result, this.timeout, tracker);
  }

  private get methods(): readonly ReplaceableMethod[] {
    return [...this.tracked.flatMap((each) => each.methods()), ...this.patterns.list()];
  }

  private get connections(): readonly HandlerConnection[] {
    return this.tracked.flatMap(({ connections }) => connections);
  }

  private wait(options: TestWaitOptions): number {
    this.checkOpen();
    return checkWaitOptions(options).timeout ?? this.timeout;
  }

  private checkOpen(): void {
    if (this.closing !== undefined)
      throw new InvalidArgumentError(
        'kit',
        'it is closed; start another one for each test, or close it later',
      );
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
