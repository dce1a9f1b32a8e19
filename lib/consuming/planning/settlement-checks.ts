import { intercepts } from '../acknowledging/index.js';
import type { JsConsumerOptions } from '../options/index.js';
import type { OptionChecks } from './option-checks.js';

/** Checks the settlement options for invalid combinations. */
export function checkSettlement(options: JsConsumerOptions, checks: OptionChecks): void {
  const { ackMode, ackPolicy, settlement, batch } = options;
  if (ackMode === 'none' && ackPolicy !== undefined) {
    checks.problems.push("ackMode 'none' has no acknowledgements: leave ackPolicy out");
  }
  if (batch && settlement !== undefined && intercepts(settlement)) {
    checks.problems.push(
      'batch does not support an interceptor as settlement: override onSuccess and onFailure of MessageSettlement',
    );
  }
}
