import {
  JetStreamService,
  KeyValueService,
  ObjectStoreService,
  type LeaderElection,
} from 'nestjs-nats-jetstream';
import type { JetStreamClient } from 'nestjs-nats-jetstream/microservice';
import type { INestApplicationContext } from '@nestjs/common';
import { firstValueFrom } from 'rxjs';
import { sleep } from '../../../lib/timing/index.js';

/** The calls that a test repeats while something fails. */
export const OPERATIONS = [
  'publish',
  'publishAsync',
  'Key-Value put',
  'Key-Value get',
  'object put',
  'object get',
  'lock',
  'request',
  'core publish and watch',
] as const;
export type OperationName = (typeof OPERATIONS)[number];

/** The outcomes of the calls of one operation. */
export interface Calls {
  succeeded: number;
  readonly errors: unknown[];
  /** The longest call, in milliseconds. */
  longest: number;
  /** Whether the last call has ended. */
  ended: boolean;
}

/** A payload that a server with a small `max_payload` refuses. */
const LARGE = Buffer.alloc(20_000, 'x');

/** Repeats every operation of an application until it is stopped. */
export class RepeatedOperations {
  readonly calls: Readonly<Record<OperationName, Calls>>;
  readonly election: LeaderElection;
  private stopped = false;
  private readonly loops: Promise<void>[];

  private constructor(
    operations: Readonly<Record<OperationName, () => Promise<unknown>>>,
    election: LeaderElection,
    private readonly pause: number,
  ) {
    this.election = election;
    this.calls = Object.fromEntries(
      OPERATIONS.map((name): [string, Calls] => [
        name,
        { succeeded: 0, errors: [], longest: 0, ended: false },
      ]),
    ) as Record<OperationName, Calls>;
    this.loops = OPERATIONS.map((name) => this.repeat(this.calls[name], operations[name]));
  }

  /** @param pause the time between two calls of an operation, in milliseconds */
  static async start(
    app: INestApplicationContext,
    client: JetStreamClient,
    pause = 20,
  ): Promise<RepeatedOperations> {
    const jetstream = app.get(JetStreamService);
    const state = await app.get(KeyValueService).open('state');
    const locks = await app.get(KeyValueService).open('locks');
    const files = await app.get(ObjectStoreService).open('files');
    let number = 0;
    return new RepeatedOperations(
      {
        publish: () => jetstream.publish('results.a', LARGE),
        publishAsync: () => jetstream.publishAsync('results.b', LARGE).ack,
        'Key-Value put': () => state.put('counter', ++number),
        'Key-Value get': () => state.get('counter', { consistent: true }),
        'object put': () => files.putBytes('large', LARGE),
        'object get': () => files.getBytes('first'),
        lock: async () => {
          const lock = await locks.lock('work', { ttl: 2_000, wait: 1_000 });
          await lock.release();
        },
        request: () => firstValueFrom(client.send<number>('double', 21)),
        'core publish and watch': async () => {
          const watcher = await state.watch('counter');
          watcher.stop();
        },
      },
      locks.elect('leader', { ttl: 2_000 }),
      pause,
    );
  }

  /** Makes no further calls and waits for those in flight, all of which have to end. */
  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.loops);
  }

  private async repeat(calls: Calls, operation: () => Promise<unknown>): Promise<void> {
    while (!this.stopped) {
      const start = performance.now();
      try {
        await operation();
        calls.succeeded++;
      } catch (error) {
        calls.errors.push(error);
      }
      calls.longest = Math.max(calls.longest, performance.now() - start);
      await sleep(this.pause);
    }
    calls.ended = true;
  }
}
