import { intercepts } from '../acknowledging/index.js';
import type { DeadLetterFilter } from '../dead-letters/index.js';
import type { JsConsumerOptions } from '../decorators/index.js';
import type { AckMode, ErrorRetryRule, RetryOptions, RetryRule } from '../settlement/index.js';
import { OptionChecks } from './option-checks.js';

const ACK_MODES: readonly AckMode[] = ['auto', 'confirmed', 'manual', 'first', 'none'];

/** What is wrong with the options that say what becomes of messages. */
export function checkSettlement(options: JsConsumerOptions, checks: OptionChecks): void {
  const { ackMode, ackPolicy, retry } = options;
  checks.oneOf('ackMode', ackMode, ACK_MODES);
  if (ackMode === 'none' && ackPolicy !== undefined) {
    checks.problems.push("ackMode 'none' has no acknowledgements: leave ackPolicy out");
  }
  if (retry) checkRetry(retry, checks);
  checkAckInterceptor(options, checks);
}

/** What is wrong with the filter of a handler of dead letters. */
export function checkDeadLetterFilter({ stream, consumer, subject }: DeadLetterFilter): readonly string[] {
  const checks = new OptionChecks();
  if (stream !== undefined) checks.name('stream', stream);
  if (consumer !== undefined) checks.name('consumer', consumer);
  if (subject !== undefined) checks.subject('subject', subject);
  return checks.problems;
}

function checkRetry({ errors = [], ...rule }: RetryOptions, checks: OptionChecks): void {
  checkRetryRule('retry', rule, checks);
  const list: unknown = errors;
  if (!Array.isArray(list)) {
    checks.problems.push('retry.errors must be a list of rules, each with the type of its errors');
    return;
  }
  errors.forEach((entry: Partial<ErrorRetryRule> | undefined, i) => {
    const { type, ...own } = entry ?? {};
    const types: readonly unknown[] = Array.isArray(type) ? type : [type];
    if (types.length === 0 || types.some((each) => typeof each !== 'function')) {
      checks.problems.push(`retry.errors[${i}].type must be a class of errors, or a list of them`);
    }
    checkRetryRule(`retry.errors[${i}]`, own, checks);
  });
}

function checkRetryRule(
  option: string,
  { maxDeliver, backoff, jitter, retryIf }: RetryRule,
  checks: OptionChecks,
): void {
  if (maxDeliver !== Infinity) checks.count(`${option}.maxDeliver`, maxDeliver);
  checks.durations(`${option}.backoff`, backoff);
  if (jitter !== 0) checks.share(`${option}.jitter`, jitter);
  if (retryIf !== undefined && typeof retryIf !== 'function') {
    checks.problems.push(`${option}.retryIf must be a function of the error`);
  }
}

function checkAckInterceptor({ ackInterceptor, batch }: JsConsumerOptions, checks: OptionChecks): void {
  if (ackInterceptor === undefined) return;
  const methods = (typeof ackInterceptor === 'function' ? ackInterceptor.prototype : ackInterceptor) as
    { readonly intercept?: unknown } | null | undefined;
  if (typeof methods?.intercept !== 'function') {
    checks.problems.push(
      'ackInterceptor must be an interceptor, such as a subclass of AckInterceptor, or its class',
    );
  } else if (batch && intercepts(ackInterceptor)) {
    checks.problems.push(
      'batch takes no ackInterceptor that overrides intercept: override onSuccess and onFailure',
    );
  }
}
