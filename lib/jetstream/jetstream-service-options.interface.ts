import type { Codec } from '../codecs/index.js';
import type { PublishDefaults } from './publishing/index.js';

/** What a {@link JetStreamService} is made with. */
export interface JetStreamServiceOptions {
  /** Turns values into payloads where neither a message nor its stream has another. */
  readonly codec: Codec;
  /** Defaults of everything that publishes. */
  readonly publish: PublishDefaults;
}
