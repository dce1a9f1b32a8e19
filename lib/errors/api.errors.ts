import { JetStreamError } from './jetstream.error.js';

/** The error object in a JetStream API response, as the server sends it (ADR-7). */
export interface ApiErrorBody {
  /** HTTP-like status, such as 404. */
  readonly code: number;
  /** The server's own error code, such as 10059. */
  readonly err_code?: number | undefined;
  readonly description?: string | undefined;
}

/** What a JetStream API request was about: the names that an error message needs. */
export interface ApiErrorContext {
  readonly stream?: string | undefined;
  readonly consumer?: string | undefined;
  /** The subject or sequence of the message asked for, in words, such as `sequence 7`. */
  readonly message?: string | undefined;
}

/** The server refused a JetStream API request. Subclasses stand for the codes that a caller can act on. */
export class JetStreamApiError extends JetStreamError {
  /** HTTP-like status, such as 404. */
  readonly status: number;
  /** The server's own error code (ADR-7), such as 10059; 0 where it gave none. */
  readonly code: number;
  /** The server's own words. */
  readonly description: string;

  constructor(body: ApiErrorBody, message?: string, options?: ErrorOptions) {
    const description = body.description ?? `status ${body.code}`;
    super(message ?? `JetStream API: ${description} (code ${body.err_code ?? body.code})`, options);
    this.status = body.code;
    this.code = body.err_code ?? 0;
    this.description = description;
  }
}

/** JetStream is not enabled on the connected server, or not reachable under the domain or prefix given. */
export class JetStreamNotEnabledError extends JetStreamApiError {
  constructor(
    /** The prefix under which the JetStream API was asked for. */
    readonly apiPrefix: string,
    body: ApiErrorBody = { code: 503, err_code: 10076, description: 'jetstream not enabled' },
    options?: ErrorOptions,
  ) {
    super(
      body,
      `JetStream does not answer under "${apiPrefix}": enable it on the server (nats-server -js), ` +
        'or check the options jetstream.domain and jetstream.apiPrefix.',
      options,
    );
  }
}

/** JetStream is enabled on the server, but not for the account of this connection. */
export class JetStreamNotEnabledForAccountError extends JetStreamApiError {
  constructor(
    body: ApiErrorBody = { code: 503, err_code: 10039, description: 'jetstream not enabled for account' },
  ) {
    super(
      body,
      'JetStream is not enabled for the account of this connection: enable it in the server configuration ' +
        'of the account, or connect with credentials of another.',
    );
  }
}

/** The answer to a JetStream API request was not what that request answers. What it asked for may or may not be done. */
export class InvalidApiResponseError extends JetStreamError {
  constructor(
    /** The operation asked for, such as `STREAM.INFO.ORDERS`. */
    readonly operation: string,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(`The answer to ${operation} is no JetStream API response: ${problem}.`, options);
  }
}
