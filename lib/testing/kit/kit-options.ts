import type {
  INestApplication,
  INestApplicationContext,
  LoggerService,
  ModuleMetadata,
} from '@nestjs/common';
import type { MessageContract, MessagePublishOptions } from '../../contracts/index.js';
import type { PublishOptions } from '../../jetstream/index.js';
import {
  type AllOptionsOf,
  checkedOptions,
  flag,
  functionRule,
  hasMethods,
  list,
  oneOf,
  optionsCheck,
  type OrUndefined,
  positiveDuration,
  rule,
} from '../../validation/index.js';
import { SERVER_OPTIONS } from '../server-options.js';

/** A module builder of `@nestjs/testing`, as `Test.createTestingModule` returns it. */
export interface TestModuleBuilder {
  overrideProvider(token: unknown): { useValue(value: unknown): unknown };
  setLogger(logger: LoggerService): unknown;
  /** @throws the errors of the application */
  compile(...args: never[]): Promise<INestApplicationContext>;
}

/** Options of `JetStreamTestKit.start`. Durations in milliseconds. */
export interface TestKitOptions extends OrUndefined<ModuleMetadata> {
  /**
   * A builder of `Test.createTestingModule`, for example with overridden providers, instead of `imports`, `controllers`
   * and `providers`. It must not be compiled.
   */
  readonly module?: TestModuleBuilder | undefined;
  /** Whether to listen for HTTP requests, on a free port: {@link JetStreamTestKit.url}. Default: false. */
  readonly http?: boolean | undefined;
  /**
   * Called before the application starts, for example to add global pipes, or a microservice. With `http: true`, the
   * application is an `INestApplication`.
   */
  readonly configure?: ((app: INestApplication) => unknown) | undefined;
  /**
   * The factor for delays of handlers: backoff, delays of `RetryMessage`, `ackWait` (at least 10,000 ms), the period of a rate
   * limit, the pause of a circuit breaker and `batch.maxWait`. With 0.01, a backoff of 5,000 takes 50 ms. Default: 1.
   */
  readonly timeScale?: number | undefined;
  /**
   * Whether methods of `@JsSchedule` run at their due times. Default: false: they run when the test calls
   * {@link JetStreamTestKit.fire}, or the application calls `Schedules.runNow`.
   */
  readonly schedules?: boolean | undefined;
  /** How long the kit waits before a wait fails. Default: 5,000. */
  readonly timeout?: number | undefined;
  /** The version of the server, as in `NatsTestServer.start`. Default: that of `NatsTestServer`. */
  readonly version?: string | undefined;
  /** Receives the log of the application. Default: that of Nest's testing module, which shows errors only. */
  readonly logger?: LoggerService | undefined;
}

const OPTIONS = {
  imports: list('a list of modules'),
  controllers: list('a list of controllers'),
  providers: list('a list of providers'),
  exports: list('a list of exports'),
  module: rule('a module builder that is not compiled, from Test.createTestingModule', (value) =>
    hasMethods(value, ['compile', 'overrideProvider']),
  ),
  http: flag,
  configure: functionRule('a function'),
  timeScale: rule('a number above 0', (value) => Number.isFinite(value) && Number(value) > 0),
  schedules: flag,
  timeout: positiveDuration,
  version: SERVER_OPTIONS.version,
  logger: rule('a logger of Nest', (value) => hasMethods(value, ['log', 'warn', 'error'])),
} satisfies AllOptionsOf<TestKitOptions>;

/** @throws {@link InvalidArgumentError} */
export function checkKitOptions(options: TestKitOptions): TestKitOptions {
  return checkedOptions('JetStreamTestKit.start', options, OPTIONS);
}

/** Options of waiting. */
export interface TestWaitOptions {
  /** How long to wait, in milliseconds. Default: the `timeout` of the kit. */
  readonly timeout?: number | undefined;
}

/** @throws {@link InvalidArgumentError} */
export const checkWaitOptions = optionsCheck<TestWaitOptions>('a wait of the kit', {
  timeout: positiveDuration,
});

/** Options of `JetStreamTestKit.expectNothing`. */
export interface ExpectNothingOptions {
  /** How long to wait, in milliseconds. Default: 100. */
  readonly within?: number | undefined;
}

/** @throws {@link InvalidArgumentError} */
export const checkExpectNothingOptions = optionsCheck<ExpectNothingOptions>('expectNothing', {
  within: positiveDuration,
});

/** Options of `JetStreamTestKit.expectNothingPublished`. */
export interface ExpectNothingPublishedOptions extends ExpectNothingOptions {
  /** Only a message with this payload, or with a part of it. Default: any message. */
  readonly payload?: unknown;
}

/** @throws {@link InvalidArgumentError} */
export const checkExpectNothingPublishedOptions = optionsCheck<ExpectNothingPublishedOptions>(
  'expectNothingPublished',
  { within: positiveDuration, payload: true },
);

/** Options of {@link TestKitFlow.settled}. */
export interface SettledOptions extends TestWaitOptions {
  /**
   * What happens to the error of a handler that no later attempt has cured. `throw`: the promise rejects with it, and its
   * property `flow` is the flow. `return`: it is only in the flow. Default: `throw`.
   */
  readonly errors?: 'throw' | 'return' | undefined;
}

/** @throws {@link InvalidArgumentError} */
export const checkSettledOptions = optionsCheck<SettledOptions>('settled', {
  timeout: positiveDuration,
  errors: oneOf(['throw', 'return']),
});

/** The connection that a kit publishes with. */
export interface TestConnectionOption {
  /** The name of the connection. Default: `default`. */
  readonly connection?: string | undefined;
}

/** Options of publishing a message of a contract with a kit; a message of core NATS has only `headers`. */
export type TestMessageOptions<Contract extends MessageContract = MessageContract> =
  MessagePublishOptions<Contract> & TestConnectionOption;

/** Options of publishing with a kit. */
export interface TestPublishOptions extends PublishOptions, TestConnectionOption {
  /** Publishes with core NATS, to subjects that no stream stores; then `headers` and `codec` are the only options. Default: false. */
  readonly core?: boolean | undefined;
}
