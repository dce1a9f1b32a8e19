export { FailureLog } from './failure-log.js';
export { invalidPayload, refusesPayload } from './invalid-payload.js';
export { afterFailedHook, messageName } from './message-name.js';
export { MessageSettlement } from './message-settlement.js';
export { isPipeRefusal, reportPipeRefusals } from './pipe-refusals.js';
export {
  type ErrorRetryRule,
  type ErrorType,
  retryDelay,
  type RetryOptions,
  RetryPolicy,
  type RetryRule,
} from './retry-policy.js';
export { InvalidPayloadError, isSettlementError, RetryMessage, TerminateMessage } from './retry.errors.js';
export { settleKept } from './settle-kept.js';
export {
  type AckMode,
  DeadLetterReason,
  type DeadLetterSink,
  type Settlement,
  type SettlementPolicy,
  type StoredDeadLetter,
} from './settlement-policy.js';
export { type Rules, verdictOn } from './verdict.js';
