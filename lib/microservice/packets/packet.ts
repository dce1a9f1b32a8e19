/** The envelope of a request or event, as in Nest's own NATS transport; it is the same in Nest 11 and 12. */
export interface CallPacket {
  readonly pattern?: unknown;
  readonly data?: unknown;
  /** The number of a request; events have none. */
  readonly id?: string;
  /** The values that a dispatch hook of the client added (Nest 12). */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** The envelope of a call: its packet, including the values that a dispatch hook added. */
export function envelopeOf(packet: CallPacket, content: Pick<CallPacket, 'data' | 'id'>): CallPacket {
  // In Node 20, a spread with replaced properties takes eight times as long, and so does serializing the result.
  return Object.assign({}, packet, content);
}

/** The envelope of an answer. */
export interface ReplyPacket {
  readonly id?: string | undefined;
  readonly response?: unknown;
  readonly err?: unknown;
  /** Whether this is the last answer; `false` in a notice, which has no answer. */
  readonly isDisposed?: boolean | undefined;
}

/** All keys of a {@link ReplyPacket}; `status` comes from Nest's own servers. */
const REPLY_KEYS = new Set(['id', 'response', 'err', 'isDisposed', 'status']);

/**
 * The prefix of ids of callers that support notices: packets without an answer, with a reply subject. A message to that
 * subject cancels the request.
 */
const CANCELLING = 'js.';
/** The maximum length of a request's id, in characters, because every answer contains it. */
const LONGEST_ID = 256;

/**
 * The message with which a client cancels a request. It is not empty: the service chose the subject, and for many
 * services an empty message is a command.
 */
export const CALL_OFF = '{"isDisposed":true}';

/** The message with which a client confirms the answer to a durable request; not empty, like {@link CALL_OFF}. */
export const CONFIRMATION = '+OK';

/** Generates the ids of one client's calls. */
export class CallIds {
  private last = 0;

  next(): string {
    return CANCELLING + ++this.last;
  }
}

/** Whether the caller can cancel its request. */
export function canCancel(id: string | undefined): boolean {
  return id?.startsWith(CANCELLING) ?? false;
}

/** Whether a packet is a notice, with which a service sends its control subject before the first answer. */
export function isNotice({ isDisposed, err, response }: ReplyPacket): boolean {
  return isDisposed === false && err === undefined && response === undefined;
}

/**
 * Distinguishes an envelope from a bare payload that is an object: an envelope has the number of a request, or a
 * pattern whose subject is the message's. Never throws, regardless of the content.
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

/** Converting a pattern to a subject is recursive, so a deeply nested pattern ends with an error. */
function matches(pattern: unknown, subject: string, subjectOf: (pattern: unknown) => unknown): boolean {
  try {
    return subjectOf(pattern) === subject;
  } catch {
    return false;
  }
}

/**
 * The values that the dispatch hook of a client added to a packet; `undefined` if they are not an object of strings.
 */
export function metadataOf({ metadata }: CallPacket): Readonly<Record<string, string>> | undefined {
  const given: unknown = metadata;
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return undefined;
  return Object.values(given).every((value) => typeof value === 'string') ? metadata : undefined;
}

/** Distinguishes an answer in an envelope from a bare one, like Nest's client: an envelope has no other keys. */
export function isReplyPacket(value: unknown): value is ReplyPacket {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const keys = Object.keys(value);
  return keys.length > 0 && keys.every((key) => REPLY_KEYS.has(key));
}

/** Whether an answer is a stream's acknowledgement of the request, because a stream listens on the same subject. */
export function isPubAck(value: unknown): value is { readonly stream: string; readonly seq: number } {
  if (typeof value !== 'object' || value === null) return false;
  const { stream, seq } = value as { readonly stream?: unknown; readonly seq?: unknown };
  return typeof stream === 'string' && typeof seq === 'number';
}
