import type { KeyLock, KeyValue, LeaderElection } from 'nestjs-nats-jetstream';
import { sleep } from '../../../lib/timing/index.js';
import { now } from '../model/clock.js';
import type { Random } from '../model/random.js';
import type { Recorder } from '../model/recorder.js';

const TTL = 1_500;
/** The interval of acts, in milliseconds. */
const ACT_EVERY = 5;

/** Holds a lock for a time, again and again, and acts while it holds it or is the leader. */
export class LockOperations {
  private readonly loops: Promise<void>[];
  private stopped = false;

  constructor(
    private readonly bucket: KeyValue,
    private readonly election: LeaderElection,
    private readonly recorder: Recorder,
    private readonly random: Random,
    private readonly signal: AbortSignal,
  ) {
    this.loops = [this.holdLocks(), this.lead()];
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.loops);
  }

  private async holdLocks(): Promise<void> {
    while (!this.stopped) {
      const { signal } = this;
      const lock = await this.bucket.lock('fenced', { ttl: TTL, wait: 2_000, signal }).catch(() => undefined);
      if (lock) {
        const end = now() + this.random.between(0, 500);
        while (now() < end && !this.stopped && this.act('lock', lock)) await sleep(ACT_EVERY);
        await lock.release();
      }
      await sleep(this.random.between(0, 100));
    }
  }

  private async lead(): Promise<void> {
    while (!this.stopped) {
      const { leadership } = this.election;
      if (leadership) this.act('leader', leadership);
      await sleep(ACT_EVERY);
    }
  }

  /**
   * Acts if the lock is held. The time is read before: on a busy machine, the process may be suspended for longer than the lock is
   * valid between reading `held` and reading the time.
   */
  private act(resource: string, lock: KeyLock): boolean {
    const at = now();
    if (!lock.held) return false;
    this.recorder.note({ type: 'act', resource, fence: lock.revision, at });
    return true;
  }
}
