export { checkIdempotence } from './check-idempotence.js';
export { ClaimBucket } from './claim-bucket.js';
export type { IdempotenceKey, IdempotenceOptions } from './idempotence-options.interface.js';
export { messageKey } from './message-key.js';
export { provisionClaims } from './provision-claims.js';
export { runOnce } from './run-once.js';
