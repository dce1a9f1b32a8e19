import type { ModuleMetadata, Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  JetStreamModule,
  type JetStreamFeatureOptions,
  type JetStreamModuleOptions,
  JetStreamService,
} from 'nestjs-nats-jetstream';
import type { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { monitor } from '../../lib/testing/monitoring.js';
import { LogRecorder } from '../support/log-recorder.js';

/** A started application whose connection is opened by the first call. */
export interface LazyApplication extends AsyncDisposable {
  readonly jetstream: JetStreamService;
  readonly logs: LogRecorder;
  get<T>(token: Type<T> | string): T;
  close(): Promise<void>;
}

/** The parts of a lazy application. */
export interface LazyParts extends Pick<ModuleMetadata, 'providers'> {
  readonly options?: JetStreamModuleOptions;
  readonly feature?: JetStreamFeatureOptions;
  readonly imports?: NonNullable<ModuleMetadata['imports']>;
}

/** Starts an application with `connect: 'lazy'`. */
export async function startLazily(
  url: string,
  { options = {}, feature = {}, imports = [], providers = [] }: LazyParts = {},
): Promise<LazyApplication> {
  const logs = new LogRecorder();
  const app = await Test.createTestingModule({
    imports: [
      JetStreamModule.forRoot({ connection: { servers: url }, connect: 'lazy', ...options }),
      JetStreamModule.forFeature(feature),
      ...imports,
    ],
    providers,
  })
    .setLogger(logs)
    .compile();
  await app.init();
  return {
    jetstream: app.get(JetStreamService),
    logs,
    get: (token) => app.get(token),
    close: () => app.close(),
    [Symbol.asyncDispose]: () => app.close(),
  };
}

/** How many connections a server has accepted in all. */
export async function accepted({ monitoringUrl }: NatsTestServer): Promise<number> {
  const { total_connections: total } = (await monitor(`${monitoringUrl}/varz`)) as {
    readonly total_connections: number;
  };
  return total;
}
