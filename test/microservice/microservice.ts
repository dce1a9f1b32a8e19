import type { INestMicroservice, ModuleMetadata } from '@nestjs/common';
import type { ClientProxy } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import {
  JetStreamClient,
  JetStreamServer,
  type JetStreamClientOptions,
  type JetStreamServerOptions,
} from 'nestjs-nats-jetstream/microservice';
import { firstValueFrom, toArray } from 'rxjs';
import { LogRecorder } from '../support/log-recorder.js';

export interface TestMicroservice extends AsyncDisposable {
  readonly app: INestMicroservice;
  readonly server: JetStreamServer;
  readonly logs: LogRecorder;
}

/** A Nest microservice that listens with a {@link JetStreamServer}, closed when disposed of. */
export async function startMicroservice(
  url: string,
  {
    server: options,
    prepare,
    ...metadata
  }: ModuleMetadata & {
    readonly server?: Partial<JetStreamServerOptions>;
    /** Called before it listens. */
    readonly prepare?: (app: INestMicroservice, server: JetStreamServer) => void;
  },
): Promise<TestMicroservice> {
  const logs = new LogRecorder();
  const module = await Test.createTestingModule(metadata).setLogger(logs).compile();
  const server = new JetStreamServer({ name: 'service', connection: { servers: url }, ...options });
  const app = module.createNestMicroservice({ strategy: server });
  prepare?.(app, server);
  await app.listen();
  return { app, server, logs, [Symbol.asyncDispose]: () => app.close() };
}

/** A connected client, closed when disposed of. */
export async function connectClient(
  url: string,
  options: JetStreamClientOptions = {},
): Promise<JetStreamClient & AsyncDisposable> {
  const client = new JetStreamClient({ connection: { servers: url }, ...options });
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.close() });
}

/** The one answer to a request. */
export function ask<T = unknown>(
  client: Pick<ClientProxy, 'send'>,
  pattern: unknown,
  data: unknown,
): Promise<T> {
  return firstValueFrom(client.send<T>(pattern, data));
}

/** All answers to a request. */
export function askAll<T = unknown>(
  client: Pick<ClientProxy, 'send'>,
  pattern: unknown,
  data: unknown,
): Promise<T[]> {
  return firstValueFrom(client.send<T>(pattern, data).pipe(toArray()));
}

/** Emits an event and waits until it is stored. */
export function emit<T = unknown>(
  client: Pick<ClientProxy, 'emit'>,
  pattern: unknown,
  data: unknown,
): Promise<T> {
  return firstValueFrom(client.emit<T>(pattern, data));
}

/** The error that a promise rejects with. */
export function failure(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    (value) => {
      throw new Error(`it resolved with ${JSON.stringify(value)}`);
    },
    (error: unknown) => error as Error,
  );
}
