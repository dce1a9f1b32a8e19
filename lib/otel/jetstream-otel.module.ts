import {
  ConfigurableModuleBuilder,
  type DynamicModule,
  Inject,
  Injectable,
  Logger,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { Handlers } from '../consuming/index.js';
import { HandlersModule, JetStreamConnections } from '../handlers/index.js';
import { JetStreamInstruments } from '../instruments/index.js';
import { isInstance } from '../reporting/index.js';
import { UserCalls } from '../user-code/index.js';
import { type AllOptionsOf, checkedOptions, isObject, rule } from '../validation/index.js';
import {
  checkMetricsOptions,
  Gauges,
  JetStreamOtelMetrics,
  type JetStreamOtelMetricsOptions,
} from './metrics/index.js';
import type { ConnectedServer } from './server-addresses.js';
import { checkTracingOptions, JetStreamTracing, type JetStreamTracingOptions } from './tracing/index.js';

/** Options of {@link JetStreamOtelModule}. */
export interface JetStreamOtelOptions {
  /** Options of tracing, or `false` for no spans. Default: on. */
  readonly tracing?: false | JetStreamTracingOptions | undefined;
  /** Options of metrics, or `false` for none. Default: on. */
  readonly metrics?: false | JetStreamOtelMetricsOptions | undefined;
}

const WHOSE = 'JetStreamOtelModule.forRoot';
const OPTIONS = Symbol('JetStreamOtelOptions');

const offOrOptions = rule('false, or an object', (value) => value === false || isObject(value));

const OTEL_OPTIONS = {
  tracing: offOrOptions,
  metrics: offOrOptions,
} satisfies AllOptionsOf<JetStreamOtelOptions>;

/** The applications that are observed: a second import of the module would double all spans and counts. */
const observed = new WeakSet<JetStreamInstruments>();

/** Registers the instruments of an application, and removes what they leave behind. */
@Injectable()
class OtelInstruments implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly tracing: JetStreamTracing | undefined;
  private readonly metrics: JetStreamOtelMetrics | undefined;
  private readonly gauges: Gauges;
  private readonly logger = new Logger('JetStreamOtel');
  private servers: ReadonlyMap<string, ConnectedServer> = new Map();

  constructor(
    @Inject(OPTIONS) given: JetStreamOtelOptions,
    @Inject(JetStreamInstruments) private readonly instruments: JetStreamInstruments,
    @Inject(Handlers) handlers: Handlers,
    @Inject(JetStreamConnections) private readonly connections: JetStreamConnections,
  ) {
    const options = checkedOptions<JetStreamOtelOptions>(WHOSE, given, OTEL_OPTIONS);
    const { tracing = {}, metrics = {} } = options;
    this.gauges = new Gauges(handlers, connections, new UserCalls(this.logger));
    if (observed.has(instruments)) {
      this.logger.warn(
        'JetStreamOtelModule is imported twice: the options of the first import apply. Import it once.',
      );
      return;
    }
    observed.add(instruments);
    if (tracing !== false) {
      const checked = checkTracingOptions(`${WHOSE} (tracing)`, tracing);
      this.tracing = new JetStreamTracing(checked, (name) => this.servers.get(name));
      instruments.register(this.tracing);
    }
    if (metrics !== false) {
      const checked = checkMetricsOptions(`${WHOSE} (metrics)`, metrics);
      this.metrics = new JetStreamOtelMetrics(checked, (meter) => this.gauges.attach(meter));
      instruments.register(this.metrics);
    }
  }

  onApplicationBootstrap(): void {
    this.warnOfSecond(this.tracing, JetStreamTracing, 'jetStreamTracing()', 'spans');
    this.warnOfSecond(this.metrics, JetStreamOtelMetrics, 'jetStreamOtelMetrics()', 'counts');
    const connections = this.connections.list().map(({ connection }) => connection);
    this.servers = new Map(connections.map((connection) => [connection.name, connection]));
    this.tracing?.start(connections);
    this.metrics?.start();
  }

  onApplicationShutdown(): void {
    this.gauges.close();
    this.tracing?.close();
  }

  private warnOfSecond(
    own: object | undefined,
    type: typeof JetStreamTracing | typeof JetStreamOtelMetrics,
    name: string,
    doubled: string,
  ): void {
    if (own === undefined) return;
    if (this.instruments.list().every((each) => each === own || !isInstance<object>(each, type))) return;
    this.logger.warn(
      `${name} is an instrument of the application beside JetStreamOtelModule: all ${doubled} are doubled. Remove one of them.`,
    );
  }
}

const { ConfigurableModuleClass, ASYNC_OPTIONS_TYPE } = new ConfigurableModuleBuilder<JetStreamOtelOptions>({
  optionsInjectionToken: OPTIONS,
})
  .setClassMethodName('forRoot')
  .build();

/**
 * Traces and measures all messages of the application with OpenTelemetry: handlers, watches, publishes, requests, stores
 * and dead letters. Needs `@opentelemetry/api`. Without an SDK it does nothing. Import it once; a second import has no effect
 * except a warning.
 *
 * The SDK may be registered before or after the application is created: everything goes through the global API.
 *
 * Names and attributes: https://opentelemetry.io/docs/specs/semconv/messaging/
 *
 * @example
 * ```ts
 * @Module({ imports: [JetStreamModule.forRoot({ … }), JetStreamOtelModule.forRoot()] })
 * class AppModule {}
 * ```
 */
@Module({ imports: [HandlersModule], providers: [OtelInstruments] })
export class JetStreamOtelModule extends ConfigurableModuleClass {
  /**
   * Observes the application. Invalid options stop its startup.
   *
   * @throws {@link InvalidArgumentError} at startup, if options are unknown or invalid
   */
  static override forRoot(options: JetStreamOtelOptions = {}): DynamicModule {
    return super.forRoot(options);
  }

  /**
   * The same with options that are created when the application starts.
   *
   * @throws {@link InvalidArgumentError} at startup, if options are unknown or invalid
   */
  static override forRootAsync(options: typeof ASYNC_OPTIONS_TYPE): DynamicModule {
    return super.forRootAsync(options);
  }
}
