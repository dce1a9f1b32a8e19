import { FORM_NAMES, type Form } from './forms.js';

/** What can happen to a message. */
export const KINDS = [
  /** A publish was acknowledged: `until` is the time of the acknowledgement. */
  'stored',
  /** A publish was refused by the stream, or never sent: the message is not stored. */
  'refused',
  /** A publish ended without an answer: the message may be stored. */
  'unknown',
  /** A handler began with the first delivery of a message. */
  'begun',
  /** A handler began with a later delivery. */
  'repeated',
  /** A handler has ended with success. */
  'ended',
  /** A handler has failed. */
  'failed',
  /** An acknowledgement was seen in the traffic of the server. */
  'acknowledged',
] as const;
export type Kind = (typeof KINDS)[number];

/** One event of one message. Times are in milliseconds; those without another clock are of `now()`. */
export interface MessageEvent {
  readonly kind: Kind;
  readonly form: Form;
  /** The process that has recorded it. */
  readonly process: number;
  /** Identifies a message among those of its form; for `forwarded`, the id of the message whose result it is. */
  readonly id: number;
  /** The sequence in the stream; 0 if it is unknown. */
  readonly sequence: number;
  /** The sequence of the delivery in its consumer; 0 for other events. */
  readonly delivery: number;
  readonly at: number;
  /** For a publish, when it ended; for a delivery or acknowledgement, when the stream stored the message (server's clock). */
  readonly until: number;
}

/** The size of an event in a journal, in bytes. */
export const RECORD_SIZE = 32;

/** Writes an event; the process is not written, because each one has a journal of its own. */
export function encodeRecord(event: Omit<MessageEvent, 'process'>, target: Buffer, offset: number): void {
  target.writeUInt8(KINDS.indexOf(event.kind), offset);
  target.writeUInt8(FORM_NAMES.indexOf(event.form), offset + 1);
  target.writeUInt32LE(event.id, offset + 4);
  target.writeUInt32LE(event.sequence, offset + 8);
  target.writeUInt32LE(event.delivery, offset + 12);
  target.writeDoubleLE(event.at, offset + 16);
  target.writeDoubleLE(event.until, offset + 24);
}
