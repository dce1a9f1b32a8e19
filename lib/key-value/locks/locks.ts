import {
  checkCallbacks,
  checkMilliseconds,
  checkText,
  FINITE,
  optionsCheck,
} from '../../validation/index.js';
import { type CallOptions, waitOf } from '../../jetstream/index.js';
import type { BucketAccess } from '../bucket-access.js';
import type { KeyLock } from './key-lock.js';
import { DEFAULT_NAME, LeaderElection, type LeaderElectionOptions } from './leader-election.js';
import type { Leases } from './leases.js';
import { LockContender } from './lock-contender.js';
import { recordOf } from './lock-record.js';

/** Options of a lock. */
export interface KeyValueLockOptions {
  /**
   * How long other contenders wait for a renewal of the holder, in milliseconds: the lock of a crashed process is free
   * after this time. Renewals are sent three times as often. Default 10,000; at least 100.
   */
  readonly ttl?: number | undefined;
  /** The name of the holder, for logs. Default: the host's name and the process's id. */
  readonly name?: string | undefined;
  /** How long to wait for the lock, in milliseconds; 0: one attempt. Default `Infinity`. */
  readonly wait?: number | undefined;
  /** Ends the wait. */
  readonly signal?: AbortSignal | undefined;
}

const checkLockOptions = optionsCheck<KeyValueLockOptions>('lock', {
  name: true,
  signal: true,
  ttl: true,
  wait: true,
});
const checkElectionOptions = optionsCheck<LeaderElectionOptions>('elect', {
  name: true,
  onDeposed: true,
  onElected: true,
  ttl: true,
});

const DEFAULT_TTL = 10_000;
const SHORTEST_TTL = 100;

/** Waits for a lock and holds it until it is released, at shutdown at the latest. */
export async function obtainLock<T>(
  access: BucketAccess<T>,
  leases: Leases,
  key: string,
  options: KeyValueLockOptions,
): Promise<KeyLock> {
  const { ttl = DEFAULT_TTL, name = DEFAULT_NAME, wait = Infinity, signal } = checkLockOptions(options);
  access.bucket.check(key);
  checkTtl(ttl);
  checkText('name', name);
  checkMilliseconds('wait', wait, {});
  const lock = await new LockContender(access, key, { name, ttl }, leases.sightings).obtain({ wait, signal });
  leases.add(lock, (deadline) => lock.releaseWithin(deadline));
  lock.onEnd(() => leases.remove(lock));
  return lock;
}

/** Takes part in an election until it is stopped, at shutdown at the latest. */
export function startElection<T>(
  access: BucketAccess<T>,
  leases: Leases,
  key: string,
  options: LeaderElectionOptions,
): LeaderElection {
  const { ttl = DEFAULT_TTL, name = DEFAULT_NAME } = checkElectionOptions(options);
  access.bucket.check(key);
  checkTtl(ttl);
  checkText('name', name);
  checkCallbacks(options, [], ['onElected', 'onDeposed']);
  const { connection } = access.bucket.jetstream;
  const election = new LeaderElection(
    key,
    name,
    {
      bucket: access.bucket.name,
      obtain: async (signal) => {
        await connection.opened({ signal });
        return new LockContender(access, key, { name, ttl }, leases.sightings).obtain({
          wait: Infinity,
          signal,
        });
      },
      leader: async (limits: CallOptions) => {
        const wait = waitOf(limits);
        await connection.opened(wait);
        return recordOf(await access.reader.change(key, { ...wait, consistent: true }))?.name;
      },
      timeout: connection.timeout,
      ended: () => leases.remove(election),
    },
    options,
  );
  leases.add(election, (deadline) => election.stopWithin(deadline));
  return election;
}

function checkTtl(ttl: number): void {
  checkMilliseconds('ttl', ttl, { ...FINITE, least: SHORTEST_TTL });
}
