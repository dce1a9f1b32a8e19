import { Buffer } from 'node:buffer';
import { Logger } from '@nestjs/common';
import { type CodecSelector, type ContentHeaders, decodeValue } from '../../codecs/index.js';
import { type Expected, UserCalls } from '../../user-code/index.js';

/** A payload as the page shows it. */
export type ShownPayload =
  { readonly payload: unknown; readonly size: number } | { readonly hidden: string; readonly size: number };

/** Options of {@link PayloadView}. */
export interface PayloadViewOptions {
  readonly mask: ((payload: unknown, subject: string) => unknown) | undefined;
  /** The maximum size, in bytes. */
  readonly largest: number;
}

/** Converts payloads to what the page shows: decoded, masked, and not larger than allowed. */
export class PayloadView {
  private readonly calls = new UserCalls(new Logger('JetStreamAsyncApi'));

  constructor(private readonly options: PayloadViewOptions) {}

  /** Never throws: a payload that cannot be shown is hidden, with the reason. */
  show(
    { subject, data }: { readonly subject: string; readonly data: Uint8Array },
    headers: ContentHeaders | undefined,
    codecs: CodecSelector,
  ): ShownPayload {
    const { mask, largest } = this.options;
    const size = data.length;
    if (size > largest) return { hidden: `it is larger than ${largest} bytes`, size };
    if (size === 0) return { hidden: 'it is empty', size };
    let payload: unknown;
    try {
      payload = plain(decodeValue<unknown>(codecs(headers), data));
    } catch {
      return { hidden: 'the codec of the channel cannot decode it', size };
    }
    // Only what the mask returns may be shown: nothing if it fails or is asynchronous, which is logged.
    const shown =
      mask === undefined
        ? payload
        : this.calls.answer('The option mask of tryIt', () => mask(payload, subject), ANYTHING);
    if (shown === undefined) return { hidden: 'the option mask returned nothing', size };
    try {
      const text = JSON.stringify(shown) as string | undefined;
      if (text !== undefined && Buffer.byteLength(text) <= largest)
        return { payload: JSON.parse(text) as unknown, size };
      return { hidden: `it is larger than ${largest} bytes, or not JSON`, size };
    } catch (error) {
      this.calls.failed('The conversion of a payload to JSON', error);
      return { hidden: 'it cannot be converted to JSON', size };
    }
  }
}

const ANYTHING: Expected<unknown> = {
  is: (value): value is unknown => value !== undefined,
  what: 'a value',
};

/** Bytes as base 64: as JSON they would be an object with an entry for each byte. */
function plain(value: unknown): unknown {
  if (!ArrayBuffer.isView(value)) return value;
  return { base64: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64') };
}
