import { Module, type DynamicModule } from '@nestjs/common';
import {
  ConfigurableModuleClass,
  FeatureDeclaration,
  featureProviders,
  type JetStreamFeatureOptions,
} from './module/index.js';

/**
 * NATS JetStream, Key-Value and Object Store for a Nest application.
 *
 * `forRoot` opens a connection and provides `JetStreamService`, `KeyValueService` and `ObjectStoreService`; `forFeature`
 * declares streams and buckets and provides each. At bootstrap all decorated handlers are found, checked and started;
 * at shutdown they are stopped first, and the connection is closed last.
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
  /** Declares what a feature needs on the server, and provides it by `@InjectStream`, `@InjectKeyValue`, `@InjectObjectStore`. */
  static forFeature(options: JetStreamFeatureOptions): DynamicModule {
    const providers = featureProviders(options);
    return {
      module: JetStreamModule,
      providers: [...providers, { provide: FeatureDeclaration, useValue: new FeatureDeclaration(options) }],
      exports: providers.map(({ provide }) => provide),
    };
  }
}
