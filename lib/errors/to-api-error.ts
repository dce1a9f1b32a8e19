import {
  JetStreamApiError,
  JetStreamNotEnabledError,
  JetStreamNotEnabledForAccountError,
  type ApiErrorBody,
  type ApiErrorContext,
} from './api.errors.js';
import {
  ConsumerExistsError,
  ConsumerNotFoundError,
  InvalidConsumerResetError,
  MaxConsumersExceededError,
} from './consumer.errors.js';
import { MessageNotFoundError, StreamExistsError, StreamNotFoundError } from './stream.errors.js';

/**
 * Converts an API response to an error: the subclass for its code (ADR-7) if there is one, otherwise a
 * {@link JetStreamApiError} with the names of the context in its message.
 */
export function toApiError(
  body: ApiErrorBody,
  apiPrefix: string,
  context: ApiErrorContext = {},
): JetStreamApiError {
  const { stream = '', consumer = '', message = 'this request' } = context;
  switch (body.err_code) {
    case 10013:
    case 10105:
    case 10148:
      return new ConsumerExistsError(stream, consumer, body);
    case 10014:
    case 10149:
      return new ConsumerNotFoundError(stream, consumer, body);
    case 10026:
      return new MaxConsumersExceededError(stream, body);
    case 10037:
    case 10043:
      return new MessageNotFoundError(stream, message, body);
    // If the message to delete does not exist, the server sends a general "failed" code, and only the description names
    // the reason.
    case 10057:
      return /EOF|not found|no message/i.test(body.description ?? '')
        ? new MessageNotFoundError(stream, message, body)
        : new JetStreamApiError(body, inWords(body, context));
    case 10039:
      return new JetStreamNotEnabledForAccountError(body);
    case 10058:
      return new StreamExistsError(stream, body);
    case 10059:
      return new StreamNotFoundError({ stream }, body);
    case 10076:
      return new JetStreamNotEnabledError(apiPrefix, body);
    case 10204:
      return new InvalidConsumerResetError(stream, consumer, body);
    default:
      return new JetStreamApiError(body, inWords(body, context));
  }
}

/** Advice for errors whose description does not include it, by code (ADR-7). */
const ADVICE: Readonly<Record<number, string>> = {
  10065:
    'Another stream already listens on one of these subjects (nats stream ls --subjects shows which): ' +
    'remove the subject from one of the two.',
};

function inWords(body: ApiErrorBody, { stream, consumer }: ApiErrorContext): string {
  const names = [stream && `stream "${stream}"`, consumer && `consumer "${consumer}"`].filter(Boolean);
  const where = names.length > 0 ? ` on ${names.join(', ')}` : '';
  const problem = `JetStream API${where}: ${body.description ?? `status ${body.code}`} (code ${body.err_code ?? body.code})`;
  const advice = ADVICE[body.err_code ?? 0];
  return advice === undefined ? problem : `${problem}. ${advice}`;
}
