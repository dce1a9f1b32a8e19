/** What a request or event is sent in: the envelope of Nest's own NATS transport, the same in Nest 11 and 12. */
export interface CallPacket {
  readonly pattern?: unknown;
  readonly data?: unknown;
  /** The number of a request; events have none. */
  readonly id?: string;
  /** What a dispatch hook of the client added (Nest 12). */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** The envelope of a call: its packet, with whatever a dispatch hook has added to it. */
export function envelopeOf(packet: CallPacket, content: Pick<CallPacket, 'data' | 'id'>): CallPacket {
  // In Node 20 a spread whose properties are replaced takes eight times as long, and so does making JSON of the result.
  return Object.assign({}, packet, content);
}

/** What an answer is sent in. */
export interface ReplyPacket {
  readonly id?: string | undefined;
  readonly response?: unknown;
  readonly err?: unknown;
  /** Whether this is the last answer; `false` in a notice, which has no answer. */
  readonly isDisposed?: boolean | undefined;
}

/** All that a {@link ReplyPacket} may have; `status` comes from Nest's own servers. */
const REPLY_KEYS = new Set(['id', 'response', 'err', 'isDisposed', 'status']);

/**
 * Begins the ids of callers that understand a notice: a packet without an answer, with a reply subject. What is sent to that
 * subject calls the request off.
 */
const CANCELLING = 'js.';
/** The longest id of a request, in characters: it stands in every answer. */
const LONGEST_ID = 256;

/**
 * What a client sends to call a request off. It is not empty: the service chose the subject, and an empty message is a
 * command of many services.
 */
export const CALL_OFF = '{"isDisposed":true}';

/** What a client sends to confirm the answer to a durable request; not empty, as {@link CALL_OFF}. */
export const CONFIRMATION = '+OK';

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

/** Tells a service where the caller can call the request off: a notice says so before the first answer. */
export function isNotice({ isDisposed, err, response }: ReplyPacket): boolean {
  return isDisposed === false && err === undefined && response === undefined;
}

/**
 * Tells an envelope from a bare payload that happens to be an object: an envelope has the number of a request, or names
 * a pattern whose subject is the message's. Never throws, whatever a peer sent.
 */
export function isCallPacket(
  value: unknown,
  message: { readonly subject: string },
  subjectOf: (pattern: unknown) => unknown,
): value is CallPacket {
  if (typeof value !== 'object' || value === null) return false;
  const { pattern, data, id } = value as CallPacket;
  if (id === undefined) {
    return pattern !== undefined && pattern !== null && matches(pattern, message.subject, subjectOf);
  }
  if (typeof id !== 'string' || id.length > LONGEST_ID) return false;
  return pattern !== undefined || data !== undefined;
}

/** Making the subject of a pattern is recursive, so a pattern that is nested deeply ends with an error. */
function matches(pattern: unknown, subject: string, subjectOf: (pattern: unknown) => unknown): boolean {
  try {
    return subjectOf(pattern) === subject;
  } catch {
    return false;
  }
}

/** What the dispatch hook of a client added to a packet; `undefined` if it is not an object of strings. */
export function metadataOf({ metadata }: CallPacket): Readonly<Record<string, string>> | undefined {
  const given: unknown = metadata;
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return undefined;
  return Object.values(given).every((value) => typeof value === 'string') ? metadata : undefined;
}

/** Tells an answer in an envelope from a bare one, as Nest's client does: an envelope has no other keys. */
export function isReplyPacket(value: unknown): value is ReplyPacket {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const keys = Object.keys(value);
  return keys.length > 0 && keys.every((key) => REPLY_KEYS.has(key));
}

/** Whether an answer is a stream's word that it stored the request: a stream listens on the subject too. */
export function isPubAck(value: unknown): value is { readonly stream: string; readonly seq: number } {
  if (typeof value !== 'object' || value === null) return false;
  const { stream, seq } = value as { readonly stream?: unknown; readonly seq?: unknown };
  return typeof stream === 'string' && typeof seq === 'number';
}
