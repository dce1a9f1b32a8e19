export { AckInterceptor } from './ack.interceptor.js';
export { GuardedSettlement } from './guarded-settlement.js';
export { beginning, intercepts, settlementOf } from './settlement-of.js';
