import {
  JetStreamError,
  JetStreamService,
  KeyValueService,
  ObjectNotFoundError,
  ObjectStoreService,
  type ObjectStore,
} from 'nestjs-nats-jetstream';
import { JetStreamRecordBuilder, type JetStreamClient } from 'nestjs-nats-jetstream/microservice';
import type { INestApplicationContext } from '@nestjs/common';
import { firstValueFrom } from 'rxjs';
import { sleep } from '../../../lib/timing/index.js';
import { OPERATIONS, RepeatedOperations } from '../../trust/lost-servers/operations.js';
import type { Recorder } from '../model/recorder.js';
import { TIMEOUT } from './application.js';
import type { Seen } from './handlers.js';
import type { ProcessSettings } from './settings.js';

/** The pauses between calls, in milliseconds. */
const EVERY = 60;
const REPEAT_EVERY = 20;
/** How many durable requests may wait for their answers. */
const MOST_REQUESTS = 50;
/**
 * The longest that a call may take, in milliseconds, on a machine with other work: an operation on an object has several steps, each
 * of which is repeated for three times the timeout of a request.
 */
const LONGEST_CALL = 15 * TIMEOUT;

/** Calls of all services, whose results are checked at once: objects, durable requests, core messages, and errors that have a type. */
export class OtherOperations {
  private readonly loops: Promise<void>[];
  private readonly errors: NodeJS.Timeout;
  private stopped = false;

  private constructor(
    private readonly app: INestApplicationContext,
    private readonly client: JetStreamClient,
    private readonly files: ObjectStore,
    readonly repeated: RepeatedOperations,
    private readonly process: number,
    private readonly pause: number,
    private readonly recorder: Recorder,
  ) {
    this.loops = [this.sayCore(), this.replaceObjects(), this.ask()];
    this.errors = setInterval(() => this.checkErrors(), 1_000);
  }

  static async start(
    app: INestApplicationContext,
    client: JetStreamClient,
    { process, pace }: Pick<ProcessSettings, 'process' | 'pace'>,
    recorder: Recorder,
  ): Promise<OtherOperations> {
    const files = await app.get(ObjectStoreService).open('files');
    await files.putString('first', 'content');
    const repeated = await RepeatedOperations.start(app, client, pace * REPEAT_EVERY);
    return new OtherOperations(app, client, files, repeated, process, pace * EVERY, recorder);
  }

  /** Makes no further calls and waits for those in flight, all of which have to end. */
  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all([...this.loops, this.repeated.stop()]);
    clearInterval(this.errors);
    this.checkErrors();
    for (const name of OPERATIONS) {
      const { longest } = this.repeated.calls[name];
      if (longest > LONGEST_CALL) this.recorder.problem(`a call of "${name}" took ${Math.round(longest)} ms`);
    }
  }

  /** The changes that watches have not received, after all changes have ended. */
  async unseen(seen: Seen): Promise<string[]> {
    const problems: string[] = [];
    const state = await this.app.get(KeyValueService).open('state');
    const entry = await state.get('counter', { consistent: true });
    if (entry?.revision !== seen.keys.get('counter'))
      problems.push('the last value of "counter" was not received');
    for await (const { name, size } of this.files.list()) {
      if (seen.objects.get(name) !== size)
        problems.push(`the last version of object "${name}" was not received`);
    }
    return problems;
  }

  /** Sends to subscriptions, which receive messages only while they are connected. */
  private async sayCore(): Promise<void> {
    const { nc } = this.app.get(JetStreamService).connection;
    for (let number = this.process * 10_000_000; !this.stopped; number++) {
      nc.publish('core.a', String(number));
      nc.publish('shared', String(number));
      await sleep(this.pause);
    }
  }

  /** At any time, a read returns one complete version of an object. */
  private async replaceObjects(): Promise<void> {
    const stored = new Set<string>();
    for (let version = 1; !this.stopped; version++) {
      const name = `object-${this.process}-${version % 3}`;
      await this.files.putBytes(name, contentOf(version)).then(
        () => stored.add(name),
        () => undefined,
      );
      try {
        const bytes = Buffer.from(await this.files.getBytes(name));
        if (!bytes.equals(contentOf(bytes.readUInt32BE(0))))
          this.recorder.problem(`object "${name}" has a wrong content`);
      } catch (error) {
        if (error instanceof ObjectNotFoundError && stored.has(name))
          this.recorder.problem(`object "${name}" is missing`);
      }
      await sleep(2 * this.pause);
    }
  }

  /** Sends durable requests, whose answers must be correct. One that gets no answer does not delay the next one. */
  private async ask(): Promise<void> {
    const waiting = new Set<Promise<void>>();
    for (let id = this.process * 10_000; !this.stopped; id++) {
      const call = this.request(id);
      waiting.add(call);
      void call.then(() => waiting.delete(call));
      await sleep(2 * EVERY);
      if (waiting.size >= MOST_REQUESTS) await Promise.race(waiting);
    }
    await Promise.all(waiting);
  }

  private async request(id: number): Promise<void> {
    const record = new JetStreamRecordBuilder(id).setMode('jetstream').setTimeout(5_000).build();
    const answer = await firstValueFrom(this.client.send<number>('work.request', record)).catch(
      () => undefined,
    );
    if (answer !== undefined && answer !== 2 * id)
      this.recorder.problem(`request ${id} has the answer ${JSON.stringify(answer)}`);
  }

  /** Every call ends with a result or with an error of this library. */
  private checkErrors(): void {
    for (const name of OPERATIONS) {
      for (const error of this.repeated.calls[name].errors.splice(0)) {
        if (!(error instanceof JetStreamError))
          this.recorder.problem(`"${name}" failed with ${String(error)}`);
      }
    }
  }
}

/** Up to three chunks, starting with the version. */
function contentOf(version: number): Buffer {
  const bytes = Buffer.alloc(1_000 + ((version * 7_919) % 300_000), version % 251);
  bytes.writeUInt32BE(version);
  return bytes;
}
