import { Logger } from '@nestjs/common';
import { nuid } from '@nats-io/transport-node';
import { ConnectionClosedError, KeyExistsError, RevisionMismatchError } from '../../errors/index.js';
import { errorText, printable } from '../../reporting/index.js';
import { Backoff, Interval, sleep } from '../../timing/index.js';
import { readRecord, type ClaimBucket, type RunningRecord } from './claim-bucket.js';

/**
 * The outcome of trying to claim a key. `left`: how long the claim of another instance is still valid, in milliseconds.
 */
export type ClaimOutcome =
  | { readonly state: 'claimed'; readonly claim: Claim }
  | { readonly state: 'running'; readonly left: number }
  | { readonly state: 'done' };

/** The right to run a handler for a key, until the claim is finished or released. */
export interface Claim {
  readonly key: string;
  readonly record: RunningRecord;
}

interface HeldClaim extends Claim {
  /** The revision of the claim in the bucket; 0 until it is granted. */
  revision: number;
  writtenAt: number;
  renewal: Promise<void> | undefined;
  /** Whether the final record is being written. */
  finishing: boolean;
  /** Whether the bucket has a different value for the key. */
  lost: boolean;
}

const DONE: ClaimOutcome = { state: 'done' };
/**
 * How often claims are checked per lease. Each claim is renewed when its age is between one and two of these intervals.
 */
const TICKS_PER_LEASE = 3;
/** The pauses before a key is read again after another instance wrote it first, in milliseconds. */
const PAUSES = { first: 2, longest: 1_000 };
/**
 * The longest wait for the claim of another instance, in milliseconds. The limit is needed because the other instance
 * wrote its lease.
 */
const LONGEST_WAIT = 86_400_000;

/**
 * The claims of one handler in one process.
 *
 * A claim is a value that only one instance can create and that its owner renews. If it was not renewed for its lease,
 * another instance may replace it; the expected revision ensures that only one does.
 */
export class Claims {
  private readonly logger = new Logger('Idempotence');
  private readonly owner = nuid.next();
  private readonly held = new Map<string, HeldClaim>();
  private timer: Interval | undefined;

  constructor(
    private readonly bucket: ClaimBucket,
    /** In milliseconds. */
    private readonly lease: number,
    /** Class and method, for the log. */
    private readonly handler: string,
  ) {}

  /** Claims a key for the message with this stream sequence, or returns why that is not possible. */
  async claim(key: string, sequence: number): Promise<ClaimOutcome> {
    if (this.held.has(key)) return { state: 'running', left: this.lease };
    const record: RunningRecord = { state: 'running', owner: this.owner, lease: this.lease, sequence };
    const claim: HeldClaim = {
      key,
      record,
      revision: 0,
      writtenAt: 0,
      renewal: undefined,
      finishing: false,
      lost: false,
    };
    // Registered before it is granted, so that no other message of this process claims the same key in the meantime.
    this.held.set(key, claim);
    let outcome: ClaimOutcome | undefined;
    try {
      outcome = await this.acquire(claim);
      return outcome;
    } finally {
      if (outcome?.state === 'claimed') this.startRenewing();
      else this.drop(claim);
    }
  }

  /**
   * Stores that a key's handler has run, even if the claim was lost in the meantime. If this fails, the claim remains
   * active.
   */
  async finish({ key, record }: Claim): Promise<void> {
    const held = this.held.get(key);
    if (!held) return;
    held.finishing = true;
    try {
      await held.renewal;
      await this.bucket.remember(key, { state: 'done', sequence: record.sequence });
      this.drop(held);
    } finally {
      held.finishing = false;
    }
  }

  /** Frees a key for the next message. Never throws: if it fails, the claim ends with its lease. */
  async release(claim: Claim): Promise<void> {
    const held = this.held.get(claim.key);
    if (!held) return;
    await held.renewal;
    this.drop(held);
    if (held.lost) return;
    try {
      await this.bucket.vacate(held.key, held.revision);
    } catch (error) {
      // The handler reports the end of the connection.
      if (error instanceof RevisionMismatchError || error instanceof ConnectionClosedError) return;
      this.logger.warn(
        `${this.handler}: the claim on key "${printable(held.key)}" could not be released and is valid for up to ${this.lease} ms: ` +
          errorText(error),
      );
    }
  }

  private async acquire(claim: HeldClaim): Promise<ClaimOutcome> {
    const { values } = this.bucket;
    const { key, record } = claim;
    // Most keys are new.
    if (await this.write(claim, () => values.update(key, record, 0))) return { state: 'claimed', claim };
    for (const backoff = new Backoff(PAUSES); ; await sleep(backoff.next())) {
      const entry = await values.get(key, { consistent: true });
      const found = readRecord(entry);
      if (found?.state === 'done') return DONE;
      if (entry && found && found.owner !== this.owner) {
        const left = found.lease - (await this.bucket.ageOf(entry));
        if (left > 0) return { state: 'running', left: Math.min(left, LONGEST_WAIT) };
      }
      if (entry && !found) {
        this.logger.warn(
          `${this.handler}: the value of key "${printable(key)}" is not a claim and is overwritten`,
        );
      }
      // The key can be claimed if it was released or forgotten, if its claim has expired or is invalid, or if it is an
      // own claim whose acknowledgement was lost.
      const granted = entry
        ? await this.write(claim, () => values.update(key, record, entry.revision))
        : await this.write(claim, () => values.create(key, record));
      if (granted) return { state: 'claimed', claim };
      // Another instance wrote the key first, or the claim may have expired, so it is read again.
    }
  }

  /**
   * Writes a claim; `false` if it is not held: another instance has written the key in the meantime, or the response is
   * so late, for example because the event loop was blocked, that another instance may have replaced the claim.
   */
  private async write(claim: HeldClaim, put: () => Promise<number>): Promise<boolean> {
    const now = performance.now();
    try {
      claim.revision = await put();
      claim.writtenAt = now;
      return performance.now() - now < this.lease;
    } catch (error) {
      if (error instanceof RevisionMismatchError || error instanceof KeyExistsError) return false;
      throw error;
    }
  }

  private startRenewing(): void {
    this.timer ??= new Interval(this.lease / TICKS_PER_LEASE, () => this.renewAll(), { keepsAlive: false });
  }

  private drop({ key }: Claim): void {
    this.held.delete(key);
    if (this.held.size > 0) return;
    this.stopRenewing();
  }

  private stopRenewing(): void {
    this.timer?.cancel();
    this.timer = undefined;
  }

  private renewAll(): void {
    const before = performance.now() - this.lease / TICKS_PER_LEASE;
    for (const claim of this.held.values()) {
      const { revision, writtenAt, renewal, finishing, lost } = claim;
      if (revision === 0 || lost || finishing || renewal || writtenAt > before) continue;
      claim.renewal = this.renew(claim).finally(() => (claim.renewal = undefined));
    }
  }

  private async renew(claim: HeldClaim): Promise<void> {
    const { values } = this.bucket;
    const { key, record } = claim;
    try {
      if (await this.write(claim, () => values.update(key, record, claim.revision))) return;
      const entry = await values.get(key, { consistent: true });
      // The bucket was lost and created again, without any claims.
      if (entry === undefined && (await this.write(claim, () => values.create(key, record)))) return;
      const found = readRecord(entry);
      if (entry && found?.state === 'running' && found.owner === this.owner) {
        // An earlier renewal was stored, but its response was lost.
        claim.revision = entry.revision;
        return;
      }
      claim.lost = true;
      if (found?.state === 'done') return;
      this.logger.warn(
        `${this.handler}: the claim on key "${printable(key)}" was not renewed within its lease of ${this.lease} ms, and another ` +
          'instance took it: the handler may run twice. Raise idempotent.lease, or block the event loop less',
      );
    } catch (error) {
      // Nothing can be renewed any more; the end of the connection is reported elsewhere.
      if (error instanceof ConnectionClosedError) return this.stopRenewing();
      this.logger.warn(
        `${this.handler}: the claim on key "${printable(key)}" could not be renewed: ${errorText(error)}`,
      );
    }
  }
}
