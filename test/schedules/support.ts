import type { ModuleMetadata, Provider } from '@nestjs/common';
import type { JetStreamModuleOptions, ScheduledRun } from 'nestjs-nats-jetstream';
import type { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { startApplication, type TestApplication } from '../support/application.js';

/** One version for each engine; 2.9 is the oldest one that is supported. */
export const VERSIONS = ['2.15', '2.10', '2.9'];

let serial = 0;

/** A stream of schedules that no other test uses. */
export function uniqueStream(): string {
  return `SCHEDULES_${process.pid}_${++serial}`;
}

/** Starts an application with schedules in a stream of its own. */
export function startScheduled(
  server: Pick<NatsTestServer, 'url'>,
  stream: string,
  providers: Provider[],
  more: ModuleMetadata & { options?: Omit<JetStreamModuleOptions, 'connection'> } = {},
): Promise<TestApplication> {
  const { options, ...metadata } = more;
  return startApplication(server.url, {
    ...metadata,
    providers,
    options: { schedules: { stream: { name: stream, storage: 'memory' } }, ...options },
  });
}

/** The due times of runs as seconds since 1970, in their order. */
export function seconds(runs: readonly Pick<ScheduledRun, 'dueTime'>[]): number[] {
  return runs.map(({ dueTime }) => dueTime.getTime() / 1_000).toSorted((a, b) => a - b);
}

/** The differences between neighbors. */
export function steps(values: readonly number[]): number[] {
  return values.slice(1).map((value, i) => value - (values[i] ?? 0));
}
