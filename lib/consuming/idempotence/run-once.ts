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

/** How a handler is run once a key. */
export interface RunOnceOptions {
  readonly keyOf: MessageKey;
  /** After how many milliseconds without renewal another instance may take over. */
  readonly lease: number;
  /** Tells the handlers of one consumer apart, where it has several. */
  readonly route?: string | undefined;
}

/** The pauses before a key is claimed or remembered that could not be, in milliseconds. */
const PAUSES = { first: 1_000, longest: 30_000 };
/** What is given back until a claim expires should not come a moment too early: that would cost it a delivery. */
const GRACE = 10;
/** A wait keeps no process alive that has closed its application. */
const UNREFERENCED = { keepsAlive: false };

/**
 * Stands between a message and its handler: runs the handler only for the first message of a key, in whichever process.
 *
 * It claims the key, runs the handler, and remembers that the key is done. A message whose key is done ends well without
 * the handler. One whose key is running elsewhere is given back until the other's claim would expire; in its last
 * delivery it waits instead. Where the handler fails, so does the message, and the key is vacant again. While the bucket cannot
 * be used, messages wait: none of them has failed, so none must use up its deliveries.
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

  /** Claims a key as soon as the bucket can be used; `undefined` if the message was given back meanwhile. */
  const claimed = async (key: string, message: JetStreamMessage): Promise<ClaimOutcome | undefined> => {
    for (const backoff = new Backoff(PAUSES); ;) {
      try {
        return await claims.claim(key, message.metadata.streamSequence);
      } catch (error) {
        if (error instanceof ConnectionClosedError) throw error;
        const heldBack = limiter.admit(bucket.values.bucket);
        if (heldBack !== undefined) {
          logger.error(
            `${policy.handler}: its messages wait, since their keys cannot be claimed in bucket "${bucket.values.bucket}". If ` +
              `it was deleted, create it again: ${errorText(error)}${heldBackText(heldBack)}`,
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
    // It has run: nothing but this may end in another run.
    for (const backoff = new Backoff(PAUSES); ;) {
      try {
        return await claims.finish(claim);
      } catch (error) {
        if (error instanceof ConnectionClosedError) throw error;
        logger.error(
          `${policy.handler}: key "${printable(claim.key)}" is done, but not remembered yet: ${errorText(error)}`,
        );
        await sleep(backoff.next(), undefined, UNREFERENCED);
        // Abandoned at shutdown meanwhile.
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
          `${policy.handler}: key "${key}" is done, the message of sequence ${streamSequence} too`,
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
