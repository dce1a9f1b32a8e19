import { Module, type DynamicModule } from '@nestjs/common';
import {
  checkFeatureOptions,
  ConfigurableModuleClass,
  FeatureDeclaration,
  featureProviders,
  readForRoot,
  readForRootAsync,
  type ASYNC_OPTIONS_TYPE,
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
   */
  static forFeature(given: JetStreamFeatureOptions): DynamicModule {
    const options = checkFeatureOptions(given);
    const providers = featureProviders(options);
    return {
      module: JetStreamModule,
      providers: [...providers, { provide: FeatureDeclaration, useValue: new FeatureDeclaration(options) }],
      exports: providers.map(({ provide }) => provide),
    };
  }
}
