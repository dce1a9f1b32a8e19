/** A file that a page loads. */
export interface Asset {
  /** The media type, with its character set. */
  readonly type: string;
  readonly text: string;
  /** Identifies the content: it is part of the address, so that browsers keep the file until it changes. */
  readonly hash: string;
}
