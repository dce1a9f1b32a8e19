import { connect, type NatsConnection } from 'nestjs-nats-jetstream/nats';
import { sleep } from '../../../lib/timing/index.js';
import { now } from '../model/clock.js';
import { formOfConsumer, type Form } from '../model/forms.js';
import type { Recorder } from '../model/recorder.js';

const ELECTED = /^\$JS\.EVENT\.ADVISORY\.(?:STREAM|CONSUMER)\.LEADER_ELECTED\.(.+)$/;

interface Recovery {
  readonly missing: readonly Form[];
  /** The slowest one. */
  readonly last: Form;
  readonly at: number;
}

/**
 * Records the acknowledgements that reach the servers, and elections of leaders, and knows which handlers handle new messages.
 */
export class Witness {
  /** When the newest acknowledged message of each form was stored, on the clock of the server. */
  private readonly newest = new Map<Form, number>();

  private constructor(
    private readonly nc: NatsConnection,
    private readonly recorder: Recorder,
  ) {}

  static async start(servers: readonly string[], recorder: Recorder): Promise<Witness> {
    const nc = await connect({ servers: [...servers], maxReconnectAttempts: -1, reconnectTimeWait: 100 });
    const witness = new Witness(nc, recorder);
    nc.subscribe('$JS.ACK.>', {
      callback: (_, { subject, data }) => witness.see(subject, Buffer.from(data).toString()),
    });
    nc.subscribe('$JS.EVENT.ADVISORY.*.LEADER_ELECTED.>', {
      callback: (_, { subject }) => witness.seeElection(subject),
    });
    await nc.flush();
    return witness;
  }

  /** Waits until handlers have acknowledged messages that were stored after now; returns those that have not, the last one, and when. */
  async recovery(forms: readonly Form[], timeout: number): Promise<Recovery> {
    const since = Date.now();
    const missing = (): Form[] => forms.filter((form) => (this.newest.get(form) ?? 0) <= since);
    let left = missing();
    let [last] = left;
    for (
      const end = performance.now() + timeout;
      left.length > 0 && performance.now() < end;
      left = missing()
    ) {
      [last] = left;
      await sleep(5);
    }
    return { missing: left, last, at: now() };
  }

  async close(): Promise<void> {
    await this.nc.close();
  }

  private seeElection(subject: string): void {
    const asset = ELECTED.exec(subject)?.[1].replace('.', '/');
    if (asset !== undefined) this.recorder.note({ type: 'election', asset, at: now() });
  }

  private see(subject: string, answer: string): void {
    const tokens = subject.split('.');
    const at = tokens.indexOf('WORK');
    if (at < 0) return;
    const [consumer = '', , sequence, delivery, nanoseconds = ''] = tokens.slice(at + 1);
    const form = formOfConsumer(consumer);
    if (answer === '' || answer.startsWith('+ACK')) {
      const storedAt = Number(nanoseconds.slice(0, -6));
      this.newest.set(form, Math.max(storedAt, this.newest.get(form) ?? 0));
      this.recorder.record('acknowledged', form, {
        id: 0,
        sequence: Number(sequence),
        delivery: Number(delivery),
        until: storedAt,
      });
    } else if (answer.startsWith('+TERM')) {
      this.recorder.problem(`${form}: sequence ${sequence} was terminated: ${answer}`);
    }
  }
}
