import { type Codec, codecRule } from '../../../codecs/index.js';
import { type AllOptionsOf, count, functionRule } from '../../../validation/index.js';

/** The parameter of the function `payloads.mask` of a board. */
export interface MaskedMessage {
  /** The stream that has stored the message, or had stored the original of a dead letter. */
  readonly stream: string;
  readonly subject: string;
  /** The values of each header. */
  readonly headers: Readonly<Record<string, readonly string[]>>;
  /**
   * The decoded payload; `undefined` if it is empty, no codec can decode it, or it is larger than 8 MiB. Any client may have
   * published it: it can be of any type.
   */
  readonly payload: unknown;
  /** The bytes of the payload. */
  readonly data: Uint8Array;
  /** The text of the error; dead letters only. */
  readonly error?: string | undefined;
}

/** What is shown instead of a message. */
export interface MaskResult {
  /** Any value that can be converted to JSON. Without it, the payload is hidden. */
  readonly payload?: unknown;
  /** Default: the headers of the message. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>> | undefined;
  /** Default: the error of the dead letter. */
  readonly error?: string | undefined;
}

/** How the board shows payloads. */
export interface PayloadOptions {
  /** How many bytes of a payload are sent to the page, up to 1,048,576. Default 10,000. */
  readonly limit?: number | undefined;
  /**
   * Removes what readers of the board must not see. It may be asynchronous, for up to one second. If it throws or takes
   * longer, nothing of the message is shown but its subject, and the failure is logged. With a mask, payloads can neither
   * be downloaded nor edited.
   */
  readonly mask?: ((message: MaskedMessage) => MaskResult | Promise<MaskResult>) | undefined;
  /** Decodes all payloads. Default: the codec of the stream, or that of the header `Content-Type`. */
  readonly codec?: Codec | undefined;
}

/** The options of {@link PayloadOptions}. */
export const PAYLOAD_OPTIONS = {
  limit: count(0, 1_048_576),
  mask: functionRule('a function of the message'),
  codec: codecRule,
} satisfies AllOptionsOf<PayloadOptions>;
