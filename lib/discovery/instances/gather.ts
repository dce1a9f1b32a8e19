import type { Msg } from '@nats-io/transport-node';
import { NoRespondersError, RequestTimeoutError } from '../../errors/index.js';
import type { Requests } from '../../requests/index.js';
import { Timer } from '../../timing/index.js';
import { abortError, onAbort, rejectionOf } from '../../user-code/index.js';

/** The request ends when no further answer has arrived for this part of its timeout, up to two seconds. */
const QUIET_PART = 4;
const LONGEST_QUIET = 2_000;

/** A request that any number of peers may answer. */
export interface GatherOptions {
  /** How long to wait for answers, in milliseconds. */
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
  /** Called with each answer; returns whether more are wanted. It must not throw. */
  readonly onAnswer: (answer: Msg) => boolean;
}

/**
 * Sends a request and receives the answers of all peers, until none has arrived for a quarter of the timeout, or the
 * timeout is over.
 *
 * @throws {@link RequestTimeoutError} if neither a peer nor the server answered; the reason of the signal; and the errors
 * of `Requests.request`, except that there may be no responders
 */
export function gather(
  requests: Requests,
  subject: string,
  { timeout, signal, onAnswer }: GatherOptions,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const aborted = abortError(signal);
    if (aborted !== undefined) return reject(rejectionOf(aborted));
    const { connection } = requests;
    let isOver = false;
    let serverAnswered = false;
    let quiet: Timer | undefined;
    let forget: (() => void) | undefined;
    const end = (settle: () => void): void => {
      if (isOver) return;
      isOver = true;
      whole.cancel();
      quiet?.cancel();
      forget?.();
      requests.giveUp(serial);
      settle();
    };
    const over = (): void =>
      end(() => {
        if (quiet !== undefined || serverAnswered) resolve();
        else reject(new RequestTimeoutError(subject, timeout, connection.hasLink));
      });
    const whole = new Timer(timeout, over);
    // An immediate failure calls back before the number is known; there is nothing to give up then.
    let serial = -1;
    serial = requests.open(subject, '', { timeout: timeout * 2 }, (error, answer) => {
      if (isOver) return false;
      if (error instanceof NoRespondersError) {
        end(resolve);
      } else if (error !== undefined) {
        end(() => reject(rejectionOf(error)));
      } else if (onAnswer(answer)) {
        quiet?.cancel();
        quiet = new Timer(Math.min(timeout / QUIET_PART, LONGEST_QUIET), over);
        return true;
      } else {
        end(resolve);
      }
      return false;
    });
    if (isOver) return;
    // A client that listens to everything may be the only one that received the request, so that there are no answers.
    connection.nc.flush().then(
      () => (serverAnswered = true),
      () => undefined,
    );
    if (signal === undefined) return;
    try {
      forget = onAbort(signal, (reason) => end(() => reject(reason)));
    } catch (error) {
      end(() => reject(error));
    }
  });
}
