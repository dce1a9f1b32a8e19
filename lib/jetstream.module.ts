import { Module, type DynamicModule } from '@nestjs/common';
import {
  asyncFeatureProviders,
  ConfigurableModuleClass,
  featureProviders,
  readFeature,
  readFeatureAsync,
  readForRoot,
  readForRootAsync,
  type ASYNC_OPTIONS_TYPE,
  type JetStreamFeatureAsyncOptions,
  type JetStreamFeatureOptions,
  type OPTIONS_TYPE,
} from './module/index.js';

/**
 * NATS JetStream, Key-Value and Object Store for a Nest application.
 *
 * `forRoot` opens a connection and provides `JetStreamService`, `KeyValueService` and `ObjectStoreService`;
 * `forFeature` declares streams and buckets and provides each. At bootstrap, all decorated handlers are found, checked
 * and started; at shutdown, they are stopped first, and the connection is closed last.
 *
 * @example
 * ```ts
 * @Module({
 *   imports: [
 *     JetStreamModule.forRoot({ connection: { servers: 'nats://localhost:4222' } }),
 *     JetStreamModule.forFeature({ streams: [{ name: 'ORDERS', subjects: ['orders.>'] }] }),
 *   ],
 *   providers: [Billing],
 * })
 * export class AppModule {}
 * ```
 */
@Module({})
export class JetStreamModule extends ConfigurableModuleClass {
  /**
   * Opens a connection with these options. If options are invalid, the startup of the application fails, as with
   * `forRootAsync`.
   *
   * @throws {@link InvalidArgumentError} if the options are not an object or cannot be read
   */
  static override forRoot(options: typeof OPTIONS_TYPE): DynamicModule {
    return super.forRoot(readForRoot(options));
  }

  /**
   * Opens a connection with options that are created when the application starts.
   *
   * @throws {@link InvalidArgumentError} if it does not specify how to create them
   */
  static override forRootAsync(options: typeof ASYNC_OPTIONS_TYPE): DynamicModule {
    return super.forRootAsync(readForRootAsync(options));
  }

  /**
   * Declares the resources that a feature needs on the server, and provides them by `@InjectStream`, `@InjectKeyValue`,
   * `@InjectObjectStore`.
   *
   * @throws {@link InvalidArgumentError} if options are unknown or invalid
   */
  static forFeature(options: JetStreamFeatureOptions): DynamicModule {
    return { module: JetStreamModule, ...featureProviders(readFeature(options)) };
  }

  /**
   * The same as {@link forFeature}, with declarations that factories create when the application starts. The names of
   * streams and buckets are part of their injection tokens, so they are given here, and the factories return the other
   * options. If a factory throws or returns invalid options, the startup fails with an {@link InvalidArgumentError} that
   * names the factory and the resource.
   *
   * @example
   * ```ts
   * JetStreamModule.forFeatureAsync({
   *   imports: [ConfigModule],
   *   streams: [
   *     {
   *       name: 'ORDERS',
   *       inject: [ConfigService],
   *       useFactory: (config: ConfigService) => ({
   *         subjects: ['orders.>'],
   *         replicas: config.getOrThrow<number>('REPLICAS'),
   *       }),
   *     },
   *   ],
   * })
   * ```
   *
   * @throws {@link InvalidArgumentError} if options are unknown or invalid
   */
  static forFeatureAsync(options: JetStreamFeatureAsyncOptions): DynamicModule {
    const read = readFeatureAsync(options);
    return { module: JetStreamModule, imports: read.imports ?? [], ...asyncFeatureProviders(read) };
  }
}
