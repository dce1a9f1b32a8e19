import type { MessageMetadata } from 'nestjs-nats-jetstream';
import { sleep } from '../../../lib/timing/index.js';
import type { Form } from '../model/forms.js';
import type { Random } from '../model/random.js';
import type { Recorder } from '../model/recorder.js';

/** The work of handlers: they take some time, and record when they begin and end. */
export class Work {
  constructor(
    readonly recorder: Recorder,
    private readonly random: Random,
    /** The longest time, in milliseconds. */
    private readonly longest: number,
  ) {}

  begin(form: Form, id: number, metadata: MessageMetadata): void {
    this.recorder.record(metadata.deliveryCount === 1 ? 'begun' : 'repeated', form, recordOf(id, metadata));
  }

  end(form: Form, id: number, metadata: MessageMetadata): void {
    this.recorder.record('ended', form, recordOf(id, metadata));
  }

  pause(): Promise<void> {
    return sleep(this.random.between(0, this.longest));
  }

  /** Handles a message asynchronously; `fail` may throw instead. */
  async handle(form: Form, id: number, metadata: MessageMetadata, fail?: () => void): Promise<void> {
    this.begin(form, id, metadata);
    await this.pause();
    try {
      fail?.();
    } catch (error) {
      this.recorder.record('failed', form, recordOf(id, metadata));
      throw error;
    }
    this.end(form, id, metadata);
  }
}

function recordOf(id: number, { streamSequence, consumerSequence, timestamp }: MessageMetadata) {
  return { id, sequence: streamSequence, delivery: consumerSequence, until: timestamp.getTime() };
}
