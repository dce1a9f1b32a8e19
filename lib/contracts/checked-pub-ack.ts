import { LossReport, type OutgoingMessage, type PubAck, type PubAckFuture } from '../jetstream/index.js';
import { toError } from '../reporting/index.js';

const losses = new LossReport(
  'MessagePublisher',
  'messages of publishAsync were not sent, and their acks are not awaited',
);

/** A message of `publishAsync` whose schema validates asynchronously: it is published when it is found to be valid. */
export class CheckedPubAck implements PubAckFuture {
  private promise: Promise<PubAck> | undefined;
  private withdraw: (() => void) | undefined;

  constructor(
    readonly message: OutgoingMessage,
    /** The message once it is published; rejects if it is invalid. */
    private readonly published: Promise<PubAckFuture>,
  ) {
    published.catch((thrown: unknown) => {
      if (this.promise === undefined) this.withdraw = losses.add(toError(thrown), message.subject);
    });
  }

  get ack(): Promise<PubAck> {
    if (this.promise === undefined) {
      this.withdraw?.();
      this.promise = this.published.then(({ ack }) => ack);
      // The promise may be awaited later; until then a failure must not end the process.
      this.promise.catch(() => undefined);
    }
    return this.promise;
  }
}
