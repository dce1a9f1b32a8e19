import type { ModuleMetadata, INestApplicationContext } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import type { NodeConnectionOptions } from '@nats-io/transport-node';
import {
  JetStreamModule,
  type JetStreamFeatureOptions,
  type JetStreamModuleOptions,
} from 'nestjs-nats-jetstream';
import { LogRecorder } from './log-recorder.js';

export interface TestApplication extends AsyncDisposable {
  readonly app: INestApplicationContext;
  readonly logs: LogRecorder;
}

/** A started Nest application with a JetStream connection to `url`, closed when disposed of. */
export async function startApplication(
  url: string | string[],
  {
    connection = {},
    options = {},
    feature = {},
    logs = new LogRecorder(),
    ...metadata
  }: ModuleMetadata & {
    connection?: NodeConnectionOptions | undefined;
    options?: Omit<JetStreamModuleOptions, 'connection'> | undefined;
    feature?: JetStreamFeatureOptions | undefined;
    /** The log of the application, for tests that read it before the application has started. */
    logs?: LogRecorder | undefined;
  },
): Promise<TestApplication> {
  const app = await Test.createTestingModule({
    ...metadata,
    imports: [
      JetStreamModule.forRoot({ connection: { servers: url, ...connection }, ...options }),
      JetStreamModule.forFeature(feature),
      ...(metadata.imports ?? []),
    ],
  })
    .setLogger(logs)
    .compile();
  await app.init();
  return { app, logs, [Symbol.asyncDispose]: () => app.close() };
}
