import { Logger } from '@nestjs/common';
import { ConnectionClosedError } from '../../errors/index.js';
import type { JetStreamMessage } from '../../jetstream/index.js';
import { errorText, heldBackText, printable, ReportLimiter } from '../../reporting/index.js';
import { Backoff, sleep } from '../../timing/index.js';
import { type CompiledHandler, finalResult } from '../results/index.js';
import type { SettlementPolicy } from '../settlement/index.js';
import type { ClaimBucket } from './claim-bucket.js';
import { type Claim, type ClaimOutcome, Claims } from './claims.js';
import { keyToken, type MessageKey } from './message-key.js';

/** Options for running a handler once per key. */
export interface RunOnceOptions {
  readonly keyOf: MessageKey;
  /** How long after the last renewal another instance may take over, in milliseconds. */
  readonly lease: number;
  /** Distinguishes the handlers of one consumer, if it has several. */
  readonly route?: string | undefined;
}

/** The pauses before another attempt to claim or store a key, in milliseconds. */
const PAUSES = { first: 1_000, longest: 30_000 };
/** Added to the delay until a claim expires: a message that is redelivered too early would use up a delivery. */
const GRACE = 10;
/** A pending wait does not keep the process alive after its application was closed. */
const UNREFERENCED = { keepsAlive: false };

/**
 * Wraps a handler so that it runs only for the first message of a key, across all processes.
 *
 * It claims the key, runs the handler, and stores that the key is completed. A message whose key is completed succeeds
 * without calling the handler. A message whose key is being handled elsewhere is returned to the server until the other
 * claim would expire; in its last delivery it waits instead. If the handler fails, the message fails too, and the key
 * is free again. While the bucket is unavailable, messages wait: they have not failed, so they must not use up their
 * deliveries.
 */
export function runOnce(
  next: CompiledHandler<JetStreamMessage>,
  { keyOf, lease, route }: RunOnceOptions,
  bucket: ClaimBucket,
  policy: SettlementPolicy,
): CompiledHandler<JetStreamMessage> {
  const logger = new Logger('Idempotence');
  const limiter = new ReportLimiter();
  const claims = new Claims(bucket, lease, policy.handler);
  const scope = [policy.stream, policy.consumer, ...(route === undefined ? [] : [route])]
    .map(keyToken)
    .join('.');

  /** Claims a key as soon as the bucket is available; `undefined` if the message was returned in the meantime. */
  const claimed = async (key: string, message: JetStreamMessage): Promise<ClaimOutcome | undefined> => {
    for (const backoff = new Backoff(PAUSES); ;) {
      try {
        return await claims.claim(key, message.metadata.streamSequence);
      } catch (error) {
        if (error instanceof ConnectionClosedError) throw error;
        const heldBack = limiter.admit(bucket.values.bucket);
        if (heldBack !== undefined) {
          logger.error(
            `${policy.handler}: its messages wait until their keys can be claimed in bucket "${bucket.values.bucket}" ` +
              `(create the bucket again if it was deleted): ${errorText(error)}${heldBackText(heldBack)}`,
          );
        }
        await sleep(backoff.next(), undefined, UNREFERENCED);
        if (message.settled) return undefined;
      }
    }
  };

  const run = async (message: JetStreamMessage, claim: Claim): Promise<void> => {
    try {
      await finalResult(next(message));
    } catch (error) {
      await claims.release(claim);
      throw error;
    }
    // The handler has run. Storing this is retried, because otherwise the handler would run again.
    for (const backoff = new Backoff(PAUSES); ;) {
      try {
        return await claims.finish(claim);
      } catch (error) {
        if (error instanceof ConnectionClosedError) throw error;
        logger.error(
          `${policy.handler}: key "${printable(claim.key)}" was handled, but this could not be stored yet: ${errorText(error)}`,
        );
        await sleep(backoff.next(), undefined, UNREFERENCED);
        // The message was abandoned at shutdown in the meantime.
        if (message.settled) return;
      }
    }
  };

  return async (message) => {
    const { streamSequence, deliveryCount } = message.metadata;
    const key = `${scope}.${keyToken(await keyOf(message))}`;
    for (;;) {
      const outcome = await claimed(key, message);
      if (outcome === undefined) return;
      if (outcome.state === 'claimed') return run(message, outcome.claim);
      if (outcome.state === 'done') {
        logger.debug(
          `${policy.handler}: key "${key}" was already handled, so the message with sequence ${streamSequence} is skipped`,
        );
        return;
      }
      if (message.settled) return;
      const wait = outcome.left + GRACE;
      if (deliveryCount < policy.retry.maxDeliver) return message.nak(wait);
      await sleep(wait, undefined, UNREFERENCED);
      if (message.settled) return;
    }
  };
}
