/**
 * The values that the server of the board sends to the page. They are JSON: times are ISO 8601 strings, durations
 * milliseconds, sizes bytes. A missing value is absent.
 */

/** One page of a list that the server holds. */
export interface PageOf<Row> {
  readonly rows: readonly Row[];
  /** The value of `after` for the next page; absent on the last one. */
  readonly next?: string;
  /** How many rows there are in all pages, if the server knows it. */
  readonly total?: number;
}

/** A payload, as the page shows it. */
export interface ShownPayload {
  /** `text` is decoded text; `json` is text that was decoded by the codec and written as JSON; `base64` is anything else. */
  readonly form: 'text' | 'json' | 'base64';
  /** Up to `payloads.limit` bytes of it. */
  readonly content: string;
  /** The size of the whole payload. */
  readonly size: number;
  /** Whether `content` is only its beginning. */
  readonly truncated: boolean;
  /** Whether the function `payloads.mask` changed it: then it cannot be edited and replayed, nor downloaded. */
  readonly masked: boolean;
}

/** The headers of a message, each with its values, in the order in which they were sent. */
export type ShownHeaders = readonly (readonly [name: string, values: readonly string[]])[];

/** A stored message. */
export interface ShownMessage {
  readonly stream: string;
  readonly sequence: number;
  readonly subject: string;
  readonly time: string;
  readonly headers: ShownHeaders;
  readonly payload: ShownPayload;
}

/** The answer to a request that fails; the HTTP status says how. */
export interface BoardFailure {
  readonly error: {
    /** The name of the error class, such as `DeadLetterNotFoundError`. */
    readonly name: string;
    readonly message: string;
  };
}
