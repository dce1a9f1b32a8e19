import type { Codec } from '../codecs/index.js';
import type { PublishDefaults } from './publishing/index.js';

/** The options of a {@link JetStreamService}. */
export interface JetStreamServiceOptions {
  /** Encodes values if neither the message nor its stream has another codec. */
  readonly codec: Codec;
  /** Defaults for publishing. */
  readonly publish: PublishDefaults;
}
