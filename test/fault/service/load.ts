import {
  JetStreamService,
  PayloadTooLargeError,
  PublishRefusedError,
  type PubAck,
} from 'nestjs-nats-jetstream';
import { JetStreamRecordBuilder, type JetStreamClient } from 'nestjs-nats-jetstream/microservice';
import { firstValueFrom } from 'rxjs';
import { sleep } from '../../../lib/timing/index.js';
import { now } from '../model/clock.js';
import { type Form, formOfConsumer, FORMS, PUBLISHED } from '../model/forms.js';
import type { Recorder } from '../model/recorder.js';
import type { ProcessSettings } from './settings.js';

/** How many messages may wait for their acknowledgement. */
const MOST_PENDING = 2_000;
/** How many messages may wait for a handler, relative to its weight: a recovery is not delayed by more than these. */
const MOST_WAITING = 100;

/** Publishes to all handlers, and records every attempt. */
export class Load {
  /** How many publishes were acknowledged. */
  stored = 0;
  private readonly pending = new Set<Promise<void>>();
  private readonly next: Partial<Record<Form, number>> = {};
  private stopped = false;
  /** Whether there are no handlers yet, or they are behind. */
  private isCrowded = true;

  constructor(
    private readonly jetstream: JetStreamService,
    private readonly client: JetStreamClient,
    private readonly recorder: Recorder,
  ) {}

  /** Publishes until it is stopped; all attempts have ended then. */
  async run({ rate }: Pick<ProcessSettings, 'rate'>): Promise<void> {
    const observing = this.observeConsumers();
    await this.untilWanted();
    const start = now();
    for (let i = 0; !this.stopped; i++) {
      if (rate !== null) await until(start + (i / rate) * 1_000);
      await this.untilWanted();
      if (rate === null && i % 100 === 99) await new Promise((resolve) => setImmediate(resolve));
      this.publish(PUBLISHED[i % PUBLISHED.length]);
    }
    await Promise.all([...this.pending, observing]);
    this.recorder.flush();
  }

  stop(): void {
    this.stopped = true;
  }

  private async untilWanted(): Promise<void> {
    while ((this.pending.size >= MOST_PENDING || this.isCrowded) && !this.stopped) await sleep(5);
  }

  private publish(form: Form): void {
    const id = (this.next[form] = (this.next[form] ?? -1) + 1);
    const at = now();
    const attempt = this.send(form, id).then(
      ({ sequence }) => {
        this.stored++;
        this.recorder.record('stored', form, { id, sequence, at, until: now() });
      },
      (error: unknown) => {
        const isRefused = error instanceof PublishRefusedError || error instanceof PayloadTooLargeError;
        this.recorder.record(isRefused ? 'refused' : 'unknown', form, { id, at, until: now() });
      },
    );
    this.pending.add(attempt);
    void attempt.then(() => this.pending.delete(attempt));
  }

  private send(form: Form, id: number): Promise<PubAck> {
    const messageId = FORMS[form].hasId ? `${form}-${id}` : undefined;
    if (form !== 'event') return this.jetstream.publish(`work.${form}`, id, { messageId });
    return firstValueFrom(this.client.emit<PubAck>('work.event', new JetStreamRecordBuilder(id).build()));
  }

  private async observeConsumers(): Promise<void> {
    while (!this.stopped) {
      try {
        let consumers = 0;
        let isBehind = false;
        for await (const { name, numPending } of this.jetstream.listConsumers('WORK')) {
          consumers++;
          const { weight, isShared } = FORMS[formOfConsumer(name)];
          // Nothing reads a consumer without a name that an application had to leave behind.
          isBehind ||= isShared && numPending > MOST_WAITING * Math.max(1, weight);
        }
        this.isCrowded = consumers === 0 || isBehind;
      } catch {
        // While no server answers, nothing is stored either.
      }
      await sleep(200);
    }
  }
}

async function until(time: number): Promise<void> {
  const left = time - now();
  if (left > 0) await sleep(left);
}
