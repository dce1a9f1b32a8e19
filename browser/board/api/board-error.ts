/** A request that failed, with the message of the server. */
export class BoardError extends Error {
  constructor(
    /** The HTTP status; 0 without an answer. */
    readonly status: number,
    /** The name of the error class of the server; empty if it is not known. */
    override readonly name: string,
    message: string,
  ) {
    super(message);
  }

  /** Whether the caller has no access. */
  get isRefused(): boolean {
    return this.status === 401 || this.status === 403;
  }
}

/** The error in an answer: one of the board, or one of a guard or filter of the application. */
export function errorOf(status: number, body: unknown): BoardError {
  const inner = memberOf(body, 'error');
  const message = memberOf(inner, 'message') ?? memberOf(body, 'message');
  const name = memberOf(inner, 'name');
  return new BoardError(
    status,
    typeof name === 'string' ? name : '',
    typeof message === 'string' && message !== '' ? message : `The answer is HTTP ${status}.`,
  );
}

/** Without an answer. */
export function unreachable(): BoardError {
  return new BoardError(0, '', 'The application cannot be reached.');
}

/** A success that is not from the board, such as a page for signing in. */
export function notJson(): BoardError {
  return new BoardError(
    0,
    '',
    'The answer is not from the board. Reload the page; you may have to sign in again.',
  );
}

/** The text of any error. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
