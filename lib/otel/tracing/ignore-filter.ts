import { subjectCovers } from '../../jetstream/index.js';
import type { UserCalls } from '../../user-code/index.js';
import { isKeyValue, isObjectStore } from '../conventions.js';
import type { IgnoreCandidate, JetStreamTracingOptions } from './tracing-options.js';

/** Decides what gets no span. */
export type IgnoreFilter = (candidate: IgnoreCandidate) => boolean;

/** Creates the filter of the option `ignore`; `undefined` if everything gets a span. */
export function ignoreFilter(
  ignore: JetStreamTracingOptions['ignore'],
  calls: UserCalls,
): IgnoreFilter | undefined {
  if (ignore === undefined) return undefined;
  if (typeof ignore === 'function') {
    return (candidate) => calls.decide('The option ignore', () => ignore(candidate));
  }
  const patterns = [ignore].flat();
  return ({ operation, target }) => {
    if (operation !== 'process' && (isKeyValue(operation) || isObjectStore(operation))) return false;
    return target !== '' && patterns.some((pattern) => subjectCovers(pattern, target));
  };
}
