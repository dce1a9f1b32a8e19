import { printable } from '../reporting/index.js';
import { JetStreamApiError, type ApiErrorBody } from './api.errors.js';
import { JetStreamError } from './jetstream.error.js';

/**
 * There is no stream with this name, or no stream listens on this subject (code 10059).
 *
 * @remarks Create or declare the stream, or check its name, the account and the domain.
 */
export class StreamNotFoundError extends JetStreamApiError {
  /** The requested name; `undefined` if the request was for a subject. */
  readonly stream: string | undefined;
  /** The requested subject; `undefined` if the request was for a name. */
  readonly subject: string | undefined;

  constructor(
    what: { readonly stream: string } | { readonly subject: string },
    body: ApiErrorBody = { code: 404, err_code: 10059, description: 'stream not found' },
    /** Why the application did not create it, for example `provisioning: "off" does not create it`. */
    reason?: string,
  ) {
    super(
      body,
      'stream' in what
        ? `Stream "${what.stream}" not found${reason === undefined ? '' : `, and ${reason}`}: create it, or check its name, the account and the domain.`
        : `No stream listens on "${what.subject}": create one with that subject, or check the account and the domain.`,
    );
    this.stream = 'stream' in what ? what.stream : undefined;
    this.subject = 'subject' in what ? what.subject : undefined;
  }
}

/**
 * A stream with this name exists with a different configuration (code 10058).
 *
 * @remarks Use `updateStream` or `createOrUpdateStream` to change the stream, or choose another name.
 */
export class StreamExistsError extends JetStreamApiError {
  constructor(
    /** The name of the stream. */
    readonly stream: string,
    body: ApiErrorBody = { code: 400, err_code: 10058, description: 'stream name already in use' },
  ) {
    super(
      body,
      `Stream "${stream}" exists with another configuration: use updateStream or createOrUpdateStream to change it.`,
    );
  }
}

/**
 * The name of a stream is empty, too long, or contains characters that are not allowed in stream names.
 *
 * @remarks Use up to 255 bytes of printable characters, without spaces, `.`, `*`, `>`, `/` and `\`.
 */
export class InvalidStreamNameError extends JetStreamError {
  constructor(
    /** The given name. */
    readonly stream: string,
  ) {
    super(
      `Invalid stream name "${stream}". Use up to 255 bytes of printable characters, without spaces, ".", "*", ">", "/" and "\\".`,
    );
  }
}

/**
 * A subject or a filter is empty, malformed, or too long.
 *
 * @remarks Correct the subject as the message says.
 */
export class InvalidSubjectError extends JetStreamError {
  constructor(
    /** The given subject or filter. */
    readonly subject: string,
    problem: string,
    options?: ErrorOptions,
  ) {
    const shown = printable(subject.length > 200 ? `${subject.slice(0, 200)}…` : subject);
    super(`Invalid subject "${shown}": ${problem}.`, options);
  }
}

/**
 * The stream does not have this message: it was never stored, has expired, or was purged or deleted (codes 10037,
 * 10043, 10057).
 *
 * @remarks Check the sequence or the subject; a message that expired or was removed cannot be read.
 */
export class MessageNotFoundError extends JetStreamApiError {
  constructor(
    /** The name of the stream. */
    readonly stream: string,
    what: string,
    body: ApiErrorBody = { code: 404, err_code: 10037, description: 'no message found' },
  ) {
    super(
      body,
      `Stream "${stream}" has no message for ${what}: it was never stored, has expired or was removed. ` +
        'Check the sequence or subject.',
    );
  }
}

/**
 * The operation needs direct access, which the stream does not allow.
 *
 * @remarks Set `allowDirect: true` in the configuration of the stream.
 */
export class DirectAccessDisabledError extends JetStreamError {
  constructor(
    /** The name of the stream. */
    readonly stream: string,
    options?: ErrorOptions,
  ) {
    super(
      `Stream "${stream}" does not allow direct access, or does not exist: set allowDirect: true in its configuration.`,
      options,
    );
  }
}

/**
 * The sequence to start reading at is far beyond the last sequence of the stream. It is the cause of a
 * `RevisionNotReachedError`, of a watch that resumes.
 *
 * @remarks Start at the last sequence of the stream plus one, or lower.
 */
export class SequenceNotReachedError extends JetStreamError {
  constructor(
    /** The name of the stream. */
    readonly stream: string,
    /** The sequence to start at. */
    readonly sequence: number,
    /** The last sequence of the stream. */
    readonly last: number,
  ) {
    super(
      `Stream "${stream}" cannot be read from sequence ${sequence} because its last sequence is ${last}: the sequence is of a ` +
        `stream that was deleted or that lost its last messages in a crash. Start at sequence ${last + 1} or lower.`,
    );
  }
}
