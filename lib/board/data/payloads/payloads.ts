import { Buffer } from 'node:buffer';
import { Logger } from '@nestjs/common';
import type { MsgHdrs } from '@nats-io/transport-node';
import { type Codec, type CodecSelector, decodeValue, jsonCodec } from '../../../codecs/index.js';
import { within } from '../../../timing/index.js';
import { UserCalls } from '../../../user-code/index.js';
import { isObject } from '../../../validation/index.js';
import type { ShownHeaders, ShownPayload } from '../../model/index.js';
import type { MaskedMessage, MaskResult, PayloadOptions } from './payload-options.js';
import { contentOf, cut, type WholeContent } from './text-form.js';

const DEFAULT_LIMIT = 10_000;
/** How long the mask may take for one message, in milliseconds. */
const MASK_LIMIT = 1_000;
/** Larger payloads are not decoded, so that one message does not keep the process busy. */
const LARGEST_DECODED = 8_388_608;
const NOTHING: WholeContent = { form: 'text', bytes: Buffer.alloc(0) };

/** A message to show. */
export interface RawMessage {
  /** The name of the connection. */
  readonly connection: string;
  readonly stream: string;
  readonly subject: string;
  readonly headers: MsgHdrs | undefined;
  readonly data: Uint8Array;
  /** The error of a dead letter. */
  readonly error?: string;
}

/** A message as the page shows it. */
export interface ShownParts {
  readonly headers: ShownHeaders;
  readonly payload: ShownPayload;
  readonly error: string;
}

/** A message with its whole payload. */
interface WholeParts {
  readonly headers: ShownHeaders;
  readonly content: WholeContent;
  readonly error: string;
}

/** Converts messages to what the page shows: decoded, masked, and cut. */
export class Payloads {
  /** Whether payloads are masked. */
  readonly isMasked: boolean;
  private readonly limit: number;
  private readonly calls = new UserCalls(new Logger('JetStreamBoard'));

  /** @param codecsOf selects the codecs of the messages of a stream */
  constructor(
    private readonly options: PayloadOptions,
    private readonly codecsOf: (connection: string, stream: string) => CodecSelector,
  ) {
    this.limit = options.limit ?? DEFAULT_LIMIT;
    this.isMasked = options.mask !== undefined;
  }

  /** Never rejects: what cannot be decoded is shown as text or as base64. */
  async show(message: RawMessage): Promise<ShownParts> {
    const { headers, content, error } = await this.whole(message);
    const { isMasked } = this;
    const { form } = content;
    const size = message.data.length;
    return { headers, error, payload: { form, ...cut(content, this.limit), size, masked: isMasked } };
  }

  /** What is shown of a message of which nothing may be shown but its size. */
  nothing(size: number): ShownParts {
    const payload = { form: NOTHING.form, content: '', truncated: false, size, masked: this.isMasked };
    return { headers: [], error: '', payload };
  }

  /** Everything that {@link show} shows, as one text, and not cut. Never rejects. */
  async textOf(message: RawMessage): Promise<string> {
    // The text of JSON is that of the payload, so that it need not be parsed.
    const isPlain = !this.isMasked && this.codecOf(message) === jsonCodec;
    const { headers, content, error } = isPlain ? plainParts(message) : await this.whole(message);
    const lines = headers.flatMap(([name, values]) => values.map((value) => `${name}: ${value}`));
    const payload = content.form === 'base64' ? '' : content.bytes.toString();
    return [message.subject, error, ...lines, payload].join('\n');
  }

  /** Whether the payload is shown as JSON although it is stored differently, because a codec has decoded it. */
  isDecoded(message: RawMessage): boolean {
    return this.codecOf(message) !== jsonCodec && this.decoded(message).form === 'json';
  }

  /** The codec of a message. */
  codecOf({ connection, stream, headers }: Omit<RawMessage, 'data' | 'subject'>): Codec {
    return this.options.codec ?? this.codecsOf(connection, stream)(headers);
  }

  private async whole(message: RawMessage): Promise<WholeParts> {
    const { mask } = this.options;
    const headers = headersOf(message.headers);
    const { error = '' } = message;
    if (mask !== undefined) return this.masked(mask, message, headers);
    return { headers, error, content: this.decoded(message) };
  }

  private decoded(message: RawMessage): WholeContent {
    const { data } = message;
    const plain = contentOf(data);
    const value = this.valueOf(message);
    if (value === undefined || ArrayBuffer.isView(value)) return plain;
    if (typeof value === 'string' && plain.form === 'text' && value === plain.bytes.toString()) return plain;
    // The text of JSON itself is exact, for example for numbers with many digits.
    if (this.codecOf(message) === jsonCodec && plain.form === 'text') return { ...plain, form: 'json' };
    return jsonOf(value) ?? plain;
  }

  /** Only what the mask returns is shown: nothing if it fails. */
  private async masked(
    mask: NonNullable<PayloadOptions['mask']>,
    message: RawMessage,
    headers: ShownHeaders,
  ): Promise<WholeParts> {
    const { data, error, stream, subject } = message;
    const payload = this.valueOf(message);
    const given: MaskedMessage = {
      stream,
      subject,
      headers: Object.fromEntries(headers),
      payload,
      data,
      error,
    };
    try {
      const asked = (async (): Promise<unknown> => mask(given))();
      if (!(await within(MASK_LIMIT, asked))) throw new Error(`it has not answered within ${MASK_LIMIT} ms`);
      const answer = await asked;
      if (!isObject(answer)) throw new TypeError('it returned no object with payload, headers or error');
      return partsOf(answer, headers, error ?? '');
    } catch (failure) {
      this.calls.failed('The option payloads.mask', failure);
      return { headers: [], content: NOTHING, error: '' };
    }
  }

  /** The decoded payload; `undefined` if it cannot be decoded. */
  private valueOf(message: RawMessage): unknown {
    const { data } = message;
    if (data.length === 0 || data.length > LARGEST_DECODED) return undefined;
    try {
      return decodeValue<unknown>(this.codecOf(message), data);
    } catch {
      return undefined;
    }
  }
}

function plainParts({ data, error = '', headers }: RawMessage): WholeParts {
  return { headers: headersOf(headers), content: contentOf(data), error };
}

/** The headers of a message, in their order. */
export function headersOf(headers: MsgHdrs | undefined): ShownHeaders {
  return [...(headers ?? [])].map(([name, values]) => [name, [...values]]);
}

function partsOf(answer: MaskResult, headers: ShownHeaders, error: string): WholeParts {
  const { headers: shownHeaders, payload, error: shownError } = answer;
  return {
    headers:
      shownHeaders === undefined
        ? headers
        : Object.entries(shownHeaders).map(([name, value]) => [name, [value].flat().map(String)]),
    content: payload === undefined ? NOTHING : (jsonOf(payload) ?? NOTHING),
    error: shownError === undefined ? error : String(shownError),
  };
}

/** A value as JSON, or a string as it is; `undefined` if it has no JSON representation. */
function jsonOf(value: unknown): WholeContent | undefined {
  if (typeof value === 'string') return { form: 'text', bytes: Buffer.from(value) };
  try {
    const text = JSON.stringify(value, plainBytes) as string | undefined;
    return text === undefined ? undefined : { form: 'json', bytes: Buffer.from(text) };
  } catch {
    return undefined;
  }
}

/** Bytes inside of a value as base 64: as JSON they would be an object with an entry for each byte. */
function plainBytes(_name: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (!ArrayBuffer.isView(value)) return value;
  return { base64: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64') };
}
