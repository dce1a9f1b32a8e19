import { type Codec, codecRule } from '../../codecs/index.js';
import { type AllOptionsOf, count, functionRule } from '../../validation/index.js';

/** How the board shows payloads. */
export interface PayloadOptions {
  readonly limit?: number | undefined;
  readonly mask?: ((message: unknown) => unknown) | undefined;
  readonly codec?: Codec | undefined;
}

/** The options of {@link PayloadOptions}. */
export const PAYLOAD_OPTIONS = {
  limit: count(0, 1_048_576),
  mask: functionRule('a function of the message'),
  codec: codecRule,
} satisfies AllOptionsOf<PayloadOptions>;
