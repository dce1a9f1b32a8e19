import { JetStreamError } from './jetstream.error.js';

/**
 * The connected server is too old for a feature. Thrown before anything is sent.
 *
 * @remarks Upgrade the server, or do not use this feature.
 */
export class UnsupportedServerFeatureError extends JetStreamError {
  constructor(
    /** The requested feature. */
    readonly feature: string,
    /** The oldest nats-server version that supports the feature, such as `2.11.0`. */
    readonly required: string,
    /** The version of the connected server. */
    readonly actual: string,
  ) {
    super(
      `${feature} needs nats-server ${required} or newer, but the connected server is ${actual}. ` +
        'Upgrade the server, or do not use this feature.',
    );
  }
}
