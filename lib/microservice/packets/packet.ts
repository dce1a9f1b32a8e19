/** What a request or event is sent in: the envelope of Nest's own NATS transport, the same in Nest 11 and 12. */
export interface CallPacket {
  readonly pattern?: unknown;
  readonly data?: unknown;
  /** The number of a request; events have none. */
  readonly id?: string;
  /** What a dispatch hook of the client added (Nest 12). */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** What an answer is sent in. */
export interface ReplyPacket {
  readonly id?: string;
  readonly response?: unknown;
  readonly err?: unknown;
  /** Whether this is the last answer. */
  readonly isDisposed?: boolean;
}

/** All that a {@link ReplyPacket} may have; `status` comes from Nest's own servers. */
const REPLY_KEYS = new Set(['id', 'response', 'err', 'isDisposed', 'status']);

/**
 * Begins the ids of callers that understand an empty answer with a reply subject: what is sent to that subject calls
 * the request off.
 */
const CANCELLING = 'js.';

/** Makes the ids of one client's calls. */
export class CallIds {
  private last = 0;

  next(): string {
    return CANCELLING + ++this.last;
  }
}

/** Whether the caller can call its request off. */
export function canCancel(id: string | undefined): boolean {
  return id?.startsWith(CANCELLING) ?? false;
}

/**
 * Tells an envelope from a bare payload that happens to be an object: an envelope has the number of a request, or names
 * a pattern whose subject is the message's.
 */
export function isCallPacket(
  value: unknown,
  message: { readonly subject: string },
  subjectOf: (pattern: unknown) => unknown,
): value is CallPacket {
  if (typeof value !== 'object' || value === null) return false;
  const { pattern, data, id } = value as CallPacket;
  if (id === undefined)
    return pattern !== undefined && pattern !== null && subjectOf(pattern) === message.subject;
  return typeof id === 'string' && (pattern !== undefined || data !== undefined);
}

/** Tells an answer in an envelope from a bare one, as Nest's client does: an envelope has no other keys. */
export function isReplyPacket(value: unknown): value is ReplyPacket {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const keys = Object.keys(value);
  return keys.length > 0 && keys.every((key) => REPLY_KEYS.has(key));
}

/** Whether an answer is a stream's word that it stored the request: a stream listens on the subject too. */
export function isPubAck(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { stream, seq } = value as { readonly stream?: unknown; readonly seq?: unknown };
  return typeof stream === 'string' && typeof seq === 'number';
}
