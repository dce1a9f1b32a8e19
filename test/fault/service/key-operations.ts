import {
  KeyExistsError,
  RevisionMismatchError,
  type KeyValue,
  type KeyValuePut,
} from 'nestjs-nats-jetstream';
import { sleep } from '../../../lib/timing/index.js';
import { now } from '../model/clock.js';
import type { KeyOperation } from '../model/notes.js';
import type { Random } from '../model/random.js';
import type { Recorder } from '../model/recorder.js';

/** How long all processes use the same keys, in milliseconds: the number of operations on one key is limited by that. */
const SAME_KEYS = 4_000;
const KEYS = 2;
/** How many clients a process has. */
const CLIENTS = 2;
const TIMEOUT = 1_000;

type Result = Pick<KeyOperation, 'value' | 'revision'>;

/** Reads and writes keys that other processes read and write at the same time, and records each operation. */
export class KeyOperations {
  private readonly clients: Promise<void>[];
  private stopped = false;
  private values = 0;

  constructor(
    private readonly bucket: KeyValue<number>,
    private readonly process: number,
    private readonly pace: number,
    private readonly recorder: Recorder,
    private readonly random: Random,
    private readonly signal: AbortSignal,
  ) {
    this.clients = Array.from({ length: CLIENTS }, () => this.run());
  }

  private get options(): { readonly timeout: number; readonly signal: AbortSignal } {
    return { timeout: TIMEOUT, signal: this.signal };
  }

  /** Starts no further operations and waits for those in flight. */
  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.clients);
  }

  private async run(): Promise<void> {
    const last = new Map<string, number>();
    while (!this.stopped) {
      const key = `${Math.floor(now() / SAME_KEYS)}-${this.random.next() < 0.5 ? 0 : KEYS - 1}`;
      const revision = await this.operate(key, last.get(key));
      if (revision !== undefined) last.set(key, revision);
      await sleep(this.pace * this.random.between(2, 20));
    }
  }

  /** Returns the revision that the client knows afterwards. */
  private async operate(key: string, known: number | undefined): Promise<number | undefined> {
    const chance = this.random.next();
    if (chance < 0.4) return this.get(key);
    const value = this.process * 10_000_000 + ++this.values;
    if (chance < 0.55) {
      return this.record(
        key,
        'put',
        async () => ({ value, revision: await this.bucket.put(key, value, this.options) }),
        { value },
      );
    }
    if (chance < 0.85 && known !== undefined) {
      return this.record(
        key,
        'update',
        async () => ({ value, revision: await this.bucket.update(key, value, known, this.options) }),
        { value, expected: known },
      );
    }
    if (chance < 0.95) {
      return this.record(
        key,
        'create',
        async () => ({ value, revision: await this.bucket.create(key, value, this.options) }),
        { value },
      );
    }
    await this.record(
      key,
      'delete',
      async () => ({ value: null, revision: await this.bucket.delete(key, this.options) }),
      {
        value: null,
      },
    );
    return undefined;
  }

  private get(key: string): Promise<number | undefined> {
    return this.record(
      key,
      'get',
      async () => resultOf(await this.bucket.get(key, { ...this.options, consistent: true })),
      { value: null },
    );
  }

  private async record(
    key: string,
    operation: KeyOperation['operation'],
    run: () => Promise<Result>,
    given: Pick<KeyOperation, 'value' | 'expected'>,
  ): Promise<number | undefined> {
    const invoked = now();
    if (operation !== 'get') this.recorder.note({ type: 'key-start', key, operation, invoked, ...given });
    let outcome: KeyOperation['outcome'] = 'done';
    let result: Result = { value: given.value, revision: 0 };
    try {
      result = await run();
    } catch (error) {
      outcome =
        error instanceof RevisionMismatchError || error instanceof KeyExistsError ? 'refused' : 'unknown';
    }
    this.recorder.note({
      type: 'key',
      key,
      operation,
      invoked,
      returned: now(),
      outcome,
      ...given,
      ...result,
    });
    return outcome === 'done' && result.revision > 0 ? result.revision : undefined;
  }
}

function resultOf(entry: KeyValuePut<number> | undefined): Result {
  return entry === undefined
    ? { value: null, revision: 0 }
    : { value: entry.value, revision: entry.revision };
}
