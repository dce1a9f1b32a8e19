import { InvalidArgumentError } from '../../errors/index.js';
import { shown } from '../../reporting/index.js';
import { checkedOptions } from '../../validation/index.js';
import { PUBLISH_DEFAULTS } from './known-options.js';
import type { PublishDefaults, PublishRetry } from './publish-options.js';

/** @throws {@link InvalidArgumentError} if it is not a number of milliseconds above 0 */
export function checkDuration(option: string, value: number | undefined): void {
  if (value === undefined || (Number.isFinite(value) && value > 0)) return;
  throw new InvalidArgumentError(option, `${shown(value)} is not a number of milliseconds above 0`);
}

/** @throws {@link InvalidArgumentError} if it is not a whole number of at least `minimum` */
export function checkCount(option: string, value: number | undefined, minimum: number): void {
  if (value === undefined || (Number.isSafeInteger(value) && value >= minimum)) return;
  throw new InvalidArgumentError(option, `${shown(value)} is not a whole number of at least ${minimum}`);
}

/** @throws {@link InvalidArgumentError} */
export function checkRetry(option: string, retry: PublishRetry | undefined): void {
  checkDuration(`${option}.wait`, retry?.wait);
  checkCount(`${option}.attempts`, retry?.attempts, 0);
}

/**
 * @param most the maximum number of pending requests of the connection
 * @throws {@link InvalidArgumentError}
 */
export function checkDefaults(publish: PublishDefaults, most: number): void {
  checkedOptions('Publisher', { publish }, { publish: PUBLISH_DEFAULTS });
  const { maxPending = 1 } = publish;
  if (maxPending > most)
    throw new InvalidArgumentError('publish.maxPending', `${maxPending} is more than ${most}`);
}
