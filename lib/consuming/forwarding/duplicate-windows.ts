import { Logger } from '@nestjs/common';
import { errorText } from '../../reporting/index.js';
import type { RetryPolicy, SettlementPolicy } from '../settlement/index.js';
import type { ResultTarget } from './result-target.js';

const logger = new Logger('PublishTo');

/**
 * Warns if the stream of a target forgets message ids while a message may still be retried, because its results could
 * then be published twice. Never throws: the check is skipped if the information is not available, for example because
 * of missing permissions.
 */
export async function warnOfShortWindows(
  targets: readonly ResultTarget[],
  policy: SettlementPolicy,
  ackWait: number,
): Promise<void> {
  const span = retrySpan(policy.retry, ackWait);
  for (const { filter, jetstream } of targets) {
    if (filter === undefined) continue;
    try {
      let known = false;
      for await (const { config } of jetstream.listStreams({ subject: filter })) {
        known = true;
        const { name, duplicateWindow = Infinity } = config;
        if (duplicateWindow < span) {
          logger.warn(
            `${policy.handler}: stream "${name}" remembers message ids for ${duplicateWindow} ms, but a ` +
              `message may be retried for ${span} ms: a result could be published to "${filter}" twice. Raise the ` +
              `stream's duplicateWindow, or lower ackWait or retry`,
          );
        }
      }
      if (!known) {
        logger.warn(
          `${policy.handler}: no stream of this account listens on "${filter}": results cannot be published until one does`,
        );
      }
    } catch (error) {
      logger.debug(
        `${policy.handler}: the streams that listen on "${filter}" cannot be listed: ${errorText(error)}`,
      );
    }
  }
}

/**
 * The longest time between the first and the last delivery of a message, in milliseconds, if each delivery fails or
 * ends with its process. If retries are unlimited, only the longest pause counts.
 */
export function retrySpan(
  { maxDeliver, longestBackoff }: Pick<RetryPolicy, 'maxDeliver' | 'longestBackoff'>,
  ackWait: number,
): number {
  const pauses = longestBackoff.map((pause) => Math.max(pause, ackWait));
  if (maxDeliver === Infinity) return Math.max(ackWait, ...pauses);
  const counted = pauses.slice(0, maxDeliver - 1);
  const last = pauses.at(-1) ?? ackWait;
  return counted.reduce((sum, pause) => sum + pause, (maxDeliver - 1 - counted.length) * last);
}
