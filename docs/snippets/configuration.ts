import { Injectable } from '@nestjs/common';
// #region imports
import { Module } from '@nestjs/common';
import { JetStreamModule } from 'nestjs-nats-jetstream';
import { connect, credsAuthenticator, type NatsConnection } from 'nestjs-nats-jetstream/nats';
// #endregion
import {
  InjectJetStream,
  InjectNatsConnection,
  InjectStream,
  JetStreamService,
  KeyValueService,
  type JetStreamModuleOptions,
  type JetStreamOptionsFactory,
  type Stream,
} from 'nestjs-nats-jetstream';

const readCredentials = (): Uint8Array => new Uint8Array();

// #region connection
@Module({
  imports: [
    JetStreamModule.forRoot({
      connection: {
        servers: ['nats-1.example.com:4222', 'nats-2.example.com:4222'],
        authenticator: credsAuthenticator(readCredentials()),
        tls: {},
      },
      jetstream: { domain: 'hub', timeout: 5_000 },
      handlers: { concurrency: 8, ackWait: 60_000 },
      shutdownTimeout: 20_000,
    }),
  ],
})
export class AppModule {}
// #endregion

// #region lazy
@Module({
  imports: [
    JetStreamModule.forRoot({
      connection: { servers: 'nats://localhost:4222' },
      connect: 'lazy',
    }),
  ],
})
export class CommandModule {}
// #endregion

// #region async
@Injectable()
class Settings implements JetStreamOptionsFactory {
  createJetStreamOptions(): JetStreamModuleOptions {
    return { connection: { servers: process.env.NATS_URL ?? 'localhost:4222' } };
  }
}

@Module({ imports: [JetStreamModule.forRootAsync({ useClass: Settings })] })
export class ConfiguredModule {}
// #endregion

// #region feature-async
@Injectable()
export class Deployment {
  readonly replicas = process.env.NODE_ENV === 'production' ? 3 : 1;
}

@Module({ providers: [Deployment], exports: [Deployment] })
export class DeploymentModule {}

@Module({
  imports: [
    JetStreamModule.forFeatureAsync({
      imports: [DeploymentModule],
      streams: [
        {
          name: 'ORDERS',
          inject: [Deployment],
          useFactory: ({ replicas }: Deployment) => ({ subjects: ['orders.>'], replicas }),
        },
      ],
      keyValues: [
        {
          bucket: 'profiles',
          inject: [Deployment],
          useFactory: ({ replicas }: Deployment) => ({ history: 10, replicas }),
        },
      ],
    }),
  ],
})
export class OrdersModule {}
// #endregion

// #region owned
@Module({
  imports: [
    JetStreamModule.forRootAsync({
      useFactory: async (): Promise<JetStreamModuleOptions> => ({
        connection: await connect({ servers: 'localhost:4222' }),
      }),
    }),
  ],
})
export class OwnConnectionModule {}
// #endregion

// #region tls
@Module({
  imports: [
    JetStreamModule.forRoot({
      connection: {
        servers: 'tls://nats.example.com:4222',
        tls: {
          caFile: '/etc/nats/ca.pem',
          certFile: '/etc/nats/client.pem',
          keyFile: '/etc/nats/client-key.pem',
        },
      },
    }),
  ],
})
export class SecureModule {}
// #endregion

// #region several
@Module({
  imports: [
    JetStreamModule.forRoot({ connection: { servers: 'hub.example.com' } }),
    JetStreamModule.forRoot({ name: 'edge', connection: { servers: 'edge.example.com' } }),
    JetStreamModule.forFeature({
      connection: 'edge',
      streams: [{ name: 'READINGS', subjects: ['readings.>'] }],
    }),
  ],
})
export class TwoConnectionsModule {}

@Injectable()
export class Edge {
  constructor(
    private readonly hub: JetStreamService,
    @InjectJetStream('edge') private readonly edge: JetStreamService,
    @InjectStream('READINGS', 'edge') private readonly readings: Stream,
    @InjectNatsConnection('edge') private readonly nc: NatsConnection,
  ) {}

  async report(): Promise<void> {
    const { state } = await this.readings.info();
    await this.hub.publish('reports.edge', { server: this.nc.getServer(), readings: state.messages });
    await this.edge.publish('readings.reported', { at: new Date() });
  }
}
// #endregion

// #region call-options
@Injectable()
export class Profiles {
  constructor(
    private readonly jetstream: JetStreamService,
    private readonly keyValues: KeyValueService,
  ) {}

  async load(name: string, { signal }: { readonly signal: AbortSignal }): Promise<unknown> {
    // The signal of the caller ends both calls; the first one also ends after half a second.
    const profiles = await this.keyValues.open('profiles', { timeout: 500, signal });
    return (await profiles.get(name, { signal }))?.value;
  }

  async countOrders(): Promise<number> {
    const orders = await this.jetstream.stream('ORDERS', { timeout: 30_000 });
    return orders.cachedInfo.state.messages;
  }
}
// #endregion

// #region provisioning
@Module({
  imports: [
    JetStreamModule.forRoot({ provisioning: 'assert' }),
    JetStreamModule.forFeature({
      streams: [{ name: 'ORDERS', subjects: ['orders.>'], maxAge: 7 * 86_400_000, replicas: 3 }],
      keyValues: [{ bucket: 'profiles', history: 10 }],
      objectStores: [{ bucket: 'documents' }],
    }),
  ],
})
export class ProductionModule {}
// #endregion

// #region own-provisioning
@Module({
  imports: [
    JetStreamModule.forFeature({
      streams: [
        { name: 'PLATFORM_EVENTS', provisioning: 'off' },
        { name: 'ORDERS', subjects: ['orders.>'] },
      ],
      keyValues: [{ bucket: 'tenants', provisioning: 'assert', history: 5 }],
    }),
  ],
})
export class ShopModule {}
// #endregion
