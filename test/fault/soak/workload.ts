import {
  JetStreamService,
  KeyValueService,
  ObjectNotFoundError,
  ObjectStoreService,
  type ObjectStore,
  type PubAck,
} from 'nestjs-nats-jetstream';
import { JetStreamRecordBuilder } from 'nestjs-nats-jetstream/microservice';
import { firstValueFrom } from 'rxjs';
import { sleep } from '../../../lib/timing/index.js';
import { RepeatedOperations } from '../../trust/lost-servers/operations.js';
import type { SoakedApplication } from './application.js';
import { FORMS, type Form, type History } from './history.js';

/** The interval between two messages to each handler, in milliseconds. */
const PUBLISH_EVERY = 60;
/** How many messages may wait for their acknowledgement, while nothing can be stored. */
const MOST_PENDING = 500;

/** The load of an application until it is stopped. */
export class Workload {
  readonly operations: RepeatedOperations;
  /** How often an object was read with the correct content, and a request received the correct answer. */
  readonly verified = { objects: 0, requests: 0 };
  private readonly loops: Promise<void>[];
  private stopped = false;

  private constructor(
    private readonly application: SoakedApplication,
    private readonly history: History,
    operations: RepeatedOperations,
    private readonly files: ObjectStore,
  ) {
    this.operations = operations;
    this.loops = [this.publish(), this.sayCore(), this.replaceObjects(), this.ask()];
  }

  static async start(application: SoakedApplication, history: History): Promise<Workload> {
    const { app, client } = application;
    const files = await app.get(ObjectStoreService).open('files');
    await files.putString('first', 'content');
    return new Workload(application, history, await RepeatedOperations.start(app, client), files);
  }

  /** Starts no further operations and waits for those in flight, all of which have to end. */
  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all([...this.loops, this.operations.stop()]);
  }

  /** The changes that watches have not received, after all changes have ended. */
  async unseen(): Promise<string[]> {
    const state = await this.application.app.get(KeyValueService).open('state');
    const entry = await state.get('counter', { consistent: true });
    const problems: string[] = [];
    if (entry?.revision !== this.history.seen.keys.get('counter'))
      problems.push('the last value of "counter"');
    for await (const { name, size } of this.files.list()) {
      if (this.history.seen.objects.get(name) !== size) problems.push(`the last version of object "${name}"`);
    }
    return problems;
  }

  /** Repeatedly sends a number to every handler; every message that the stream has acknowledged must be handled. */
  private async publish(): Promise<void> {
    const forms = FORMS.filter((form) => form !== 'forwarded');
    const pending = new Set<Promise<void>>();
    for (let id = 0; !this.stopped; id++) {
      for (const form of forms) {
        if (pending.size >= MOST_PENDING) break;
        const stored = this.store(form, id).then(
          ({ sequence }) => this.history.stored(form, sequence),
          // Without an acknowledgement it is unknown whether the message is stored.
          () => undefined,
        );
        pending.add(stored);
        void stored.then(() => pending.delete(stored));
      }
      await sleep(PUBLISH_EVERY);
    }
    await Promise.all(pending);
  }

  private store(form: Form, id: number): Promise<PubAck> {
    const { app, client } = this.application;
    const messageId = `${form}-${id}`;
    if (form !== 'event') return app.get(JetStreamService).publish(`work.${form}`, id, { messageId });
    const record = new JetStreamRecordBuilder(id).setMessageId(messageId).build();
    return firstValueFrom(client.emit<PubAck>('work.event', record));
  }

  /** Sends to subscriptions, which receive messages only while they are connected. */
  private async sayCore(): Promise<void> {
    const { nc } = this.application.app.get(JetStreamService).connection;
    for (let id = 0; !this.stopped; id += 2) {
      nc.publish('core.a', String(id));
      nc.publish('shared', String(id + 1));
      await sleep(PUBLISH_EVERY);
    }
  }

  /** At any time, a read returns one complete version of an object. */
  private async replaceObjects(): Promise<void> {
    for (let version = 1; !this.stopped; version++) {
      const name = `object-${version % 3}`;
      await this.files.putBytes(name, contentOf(version)).catch(() => undefined);
      try {
        const bytes = Buffer.from(await this.files.getBytes(name));
        if (!bytes.equals(contentOf(bytes.readUInt32BE(0))))
          this.history.report(`object "${name}" has a wrong content`);
        else this.verified.objects++;
      } catch (error) {
        if (error instanceof ObjectNotFoundError && version > 3)
          this.history.report(`object "${name}" is gone`);
      }
      await sleep(100);
    }
  }

  /** Sends durable requests, whose answers must be correct. */
  private async ask(): Promise<void> {
    for (let number = 0; !this.stopped; number++) {
      const record = new JetStreamRecordBuilder(number).setMode('jetstream').setTimeout(10_000).build();
      const answer = await firstValueFrom(this.application.client.send<number>('work.request', record)).catch(
        () => undefined,
      );
      if (answer === 2 * number) this.verified.requests++;
      else if (answer !== undefined)
        this.history.report(`request ${number} has the answer ${JSON.stringify(answer)}`);
      await sleep(100);
    }
  }
}

/** Up to three chunks, starting with the version. */
function contentOf(version: number): Buffer {
  const bytes = Buffer.alloc(1_000 + ((version * 7_919) % 300_000), version % 251);
  bytes.writeUInt32BE(version);
  return bytes;
}
