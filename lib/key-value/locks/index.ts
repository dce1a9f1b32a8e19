export { KeyLock } from './key-lock.js';
export { LeaderElection, type LeaderElectionOptions } from './leader-election.js';
export { Leases } from './leases.js';
export { type KeyValueLockOptions, obtainLock, startElection } from './locks.js';
