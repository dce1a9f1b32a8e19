/** The text for a value that cannot be printed. */
const UNPRINTABLE = 'an error that cannot be printed';
/** The maximum length of an error's text in a log line or another error, in characters. */
const LONGEST = 2_000;

/**
 * The text of any thrown value, on one line and escaped: safe for logs, regardless of its content. Never throws, even
 * for values whose `message`, `toString` or prototype throws.
 */
export function errorText(thrown: unknown): string {
  return printable(rawText(thrown));
}

/**
 * The class of an error, or its name if it has one of its own; `undefined` if the value is no error. The class is often
 * the most useful part of an error; many errors have only the name `Error`. Never throws.
 */
export function errorClass(thrown: unknown): string | undefined {
  try {
    if (!(thrown instanceof Error)) return undefined;
    return printable(thrown.name === 'Error' ? thrown.constructor.name : thrown.name);
  } catch {
    return undefined;
  }
}

/** The stack of any thrown value, escaped line by line; `undefined` if it has none. Never throws. */
export function errorStack(thrown: unknown): string | undefined {
  try {
    if (!(thrown instanceof Error)) return undefined;
    const { stack, message } = thrown as { readonly stack?: unknown; readonly message: unknown };
    if (typeof stack !== 'string') return undefined;
    // A stack begins with the message, whose line ends must not look like separate log lines.
    const start = typeof message === 'string' ? stack.indexOf(message) : -1;
    const frames = start < 0 ? 0 : start + String(message).length;
    const head = printable(stack.slice(0, frames));
    return head + stack.slice(frames).split('\n').map(printable).join('\n');
  } catch {
    return undefined;
  }
}

/**
 * Converts any thrown value to an `Error`: the value itself if it is one, otherwise a new one with its text and the
 * value as the cause.
 */
export function toError(thrown: unknown): Error {
  try {
    if (thrown instanceof Error) return thrown;
  } catch {
    // A proxy whose prototype cannot be read is wrapped below.
  }
  return new Error(rawText(thrown), { cause: thrown });
}

/**
 * External text in a form that is safe for a log line: control characters, line ends and characters that change the
 * direction of text are escaped, and very long text is truncated.
 */
export function printable(text: string): string {
  const short = text.length > LONGEST ? `${text.slice(0, LONGEST)}… (${text.length} characters)` : text;
  return short.replace(UNSAFE, (character) => ESCAPES[character] ?? `\\u${hex(character)}`);
}

/** C0 and C1 control characters, line and paragraph separators, and marks that reorder text. */
// oxlint-disable-next-line no-control-regex -- these are the characters to find
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

const ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function hex(character: string): string {
  return character.charCodeAt(0).toString(16).padStart(4, '0');
}

function rawText(thrown: unknown): string {
  try {
    if (thrown instanceof Error) {
      const message: unknown = thrown.message;
      return typeof message === 'string' && message !== '' ? message : String(thrown.name);
    }
    return typeof thrown === 'string' ? thrown : String(thrown);
  } catch {
    return UNPRINTABLE;
  }
}
