import { ConsoleLogger, type INestApplicationContext } from '@nestjs/common';
import type { NodeConnectionOptions } from '@nats-io/transport-node';
import type { MessageContract, ParamsOf, PayloadInputOf, PublishedOf } from '../../contracts/index.js';
import { InvalidArgumentError } from '../../errors/index.js';
import type { JetStreamInstrument } from '../../instruments/index.js';
import { Schedules } from '../../schedules/index.js';
import { type HandlerSpy, KitApplications, moduleOf } from './application/index.js';
import type {
  DeadLetteredMessage,
  DeadLetteredMessageOf,
  DeadLetterMatcher,
  HandledMatcher,
  HandledMessage,
  HandledMessageOf,
  ParamsMatcher,
} from './flow.js';
import { KitFlows, type TestKitFlow } from './flows/index.js';
import {
  checkKitOptions,
  type ExpectNothingOptions,
  type ExpectNothingPublishedOptions,
  type TestKitOptions,
  type TestMessageOptions,
  type TestModuleBuilder,
  type TestPublishOptions,
  type TestWaitOptions,
} from './kit-options.js';
import { TestAccount } from './test-accounts.js';
import { FlowTracker, warnOfFakeTimers } from './tracking/index.js';
import {
  type DeadLetterOptions,
  type DeadLetterSelector,
  type HandledOptions,
  type HandledSelector,
  KitWaits,
} from './waiting/index.js';

const DEFAULT_TIMEOUT = 5_000;

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
  private readonly flows: KitFlows;
  private readonly waits: KitWaits;

  private constructor(
    private readonly applications: KitApplications,
    private readonly tracker: FlowTracker,
    /** The factor for delays of handlers; see {@link TestKitOptions.timeScale}. */
    readonly timeScale: number,
    timeout: number,
  ) {
    this.flows = new KitFlows(tracker, timeout, () => applications.connections);
    this.waits = new KitWaits(tracker, timeout);
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
    const tracker = new FlowTracker();
    tracker.logger = logger;
    const { timeScale = 1, schedules = false, timeout = DEFAULT_TIMEOUT } = given;
    const account = await TestAccount.take(given.version);
    const applications = new KitApplications(account, tracker, { timeScale, schedules });
    try {
      await applications.start(module, given);
      return new JetStreamTestKit(applications, tracker, timeScale, timeout);
    } catch (error) {
      await applications.close().catch(() => undefined);
      throw error;
    }
  }

  /** The application: an `INestApplication` with `http: true`. */
  get app(): INestApplicationContext {
    return this.applications.main;
  }

  /** The address of the application. @throws {@link InvalidArgumentError} without `http: true` */
  get url(): string {
    return this.applications.url;
  }

  /** The options of a connection to the account of this kit, for example for another application. */
  get connection(): Pick<NodeConnectionOptions, 'servers' | 'user' | 'pass'> {
    return this.applications.connection;
  }

  /** Reports the messages of an application to this kit; for {@link alsoTrack}. */
  get instrument(): JetStreamInstrument {
    return this.applications.instrument;
  }

  /** The version of the server, such as `2.12.1`. */
  get serverVersion(): string {
    return this.applications.account.serverVersion;
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
    this.applications.checkOpen();
    return this.flows.publish(target, args);
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
    this.applications.checkOpen();
    return this.flows.track(act);
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
    this.applications.checkOpen();
    return this.flows.follow(`The run of the schedule "${schedule}"`, () =>
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
    this.applications.checkOpen();
    return this.waits.handled(selector, options);
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
    this.applications.checkOpen();
    return this.waits.deadLettered(selector, options);
  }

  /**
   * Waits until nothing is pending: in no flow, and of nothing that the application has begun by itself.
   *
   * @throws {@link TestKitTimeoutError}, {@link InvalidArgumentError}
   */
  async idle(options: TestWaitOptions = {}): Promise<void> {
    this.applications.checkOpen();
    await this.waits.idle(options);
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
    this.applications.checkOpen();
    await this.waits.expectNothing(selector, options);
  }

  /**
   * Waits for a time in which the applications and the test publish nothing to a subject, also if no handler receives it and no
   * stream stores it. A publish that fails counts too. Messages of other clients are not seen.
   *
   * @param subject a subject, in which wildcards are allowed, or the contract of the message
   * @param options.within how long to wait, in milliseconds. Default: 100
   * @param options.payload only a message with this payload, or with a part of it. Default: any
   * @throws {@link TestKitAssertionError} at once if there is one; {@link InvalidArgumentError}
   */
  async expectNothingPublished(
    subject: string | MessageContract,
    options: ExpectNothingPublishedOptions = {},
  ): Promise<void> {
    this.applications.checkOpen();
    await this.waits.expectNothingPublished(subject, options);
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
    this.applications.checkOpen();
    return this.applications.spies.spyOn(handler);
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
    this.applications.checkOpen();
    if (typeof act !== 'function') throw new InvalidArgumentError('act', 'it must be a function');
    return this.applications.spies.replace(handler, act);
  }

  /**
   * Makes the application of a module builder use the account of this kit, and report to it. Compile it afterwards, and pass
   * the started application to {@link alsoTrack}.
   *
   * @returns the builder
   * @throws {@link InvalidArgumentError} if the kit is closed
   */
  prepare<Builder extends TestModuleBuilder>(builder: Builder): Builder {
    this.applications.checkOpen();
    return this.applications.prepare(builder);
  }

  /**
   * Follows messages through another application too, which uses the same account: it was made with {@link prepare}, or with
   * `JetStreamModule.forRoot({ connection: kit.connection, instruments: [kit.instrument] })`. The kit closes it.
   *
   * @throws {@link InvalidArgumentError} if it does not report to this kit, was not started, or is closed
   */
  async alsoTrack(app: INestApplicationContext): Promise<void> {
    this.applications.checkOpen();
    await this.applications.add(app);
  }

  /**
   * Closes the applications, restores methods, and empties the account. Handlers that hang are waited for up to one second.
   * Waits of the test that have not ended reject with an {@link InvalidArgumentError}.
   *
   * @throws the error of an application that cannot be closed; the others are closed nevertheless
   */
  close(): Promise<void> {
    return this.applications.close();
  }

  /**
   * The same as {@link close}.
   *
   * @throws the errors of {@link close}
   */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
