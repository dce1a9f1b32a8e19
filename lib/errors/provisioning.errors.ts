import { JetStreamError } from './jetstream.error.js';

/** A stream, consumer or bucket exists with another configuration than the application declares. */
export class ConfigMismatchError extends JetStreamError {
  constructor(
    /** What differs, such as `Stream "ORDERS"`. */
    readonly subject: string,
    /** The options that differ, as `option: actual → wanted`. */
    readonly differences: string,
    advice = 'change it or the declaration, or set provisioning: "ensure"',
  ) {
    super(`${subject} is not as declared (${differences}): ${advice}.`);
  }
}
