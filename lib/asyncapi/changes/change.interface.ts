/** One difference between two documents. */
export interface AsyncApiChange {
  /**
   * Whether applications that use the older document may fail: `breaking` for removed channels, operations and messages,
   * and for payloads that are accepted or sent in another form; `compatible` for all others.
   */
  readonly kind: 'breaking' | 'compatible';
  /** The part of the document, such as `messages.orders.id.placed.payload.total`. */
  readonly path: string;
  /** What is different, in words. */
  readonly text: string;
}

/** Receives the differences that a comparison finds. */
export type Report = (kind: AsyncApiChange['kind'], path: string, text: string) => void;
