import { InvalidArgumentError } from '../../errors/index.js';
import { checkedOptions, checkMilliseconds, checkWholeNumber } from '../../validation/index.js';
import { PUBLISH_DEFAULTS } from './known-options.js';
import type { PublishDefaults, PublishRetry } from './publish-options.js';

const POSITIVE = { exclusive: true, most: Number.MAX_VALUE };

/** @throws {@link InvalidArgumentError} if it is neither omitted nor a number of milliseconds above 0 */
export function checkTimeout(option: string, value: number | undefined): void {
  if (value !== undefined) checkMilliseconds(option, value, POSITIVE);
}

/** @throws {@link InvalidArgumentError} */
export function checkRetry(option: string, retry: PublishRetry | undefined): void {
  checkTimeout(`${option}.wait`, retry?.wait);
  if (retry?.attempts !== undefined) checkWholeNumber(`${option}.attempts`, retry.attempts, 0);
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
