import { NatsRecord } from '@nestjs/microservices';
import type { MsgHdrs } from '@nats-io/transport-node';
import type { PublishHeaders } from '../../jetstream/index.js';
import { isInstance } from '../../reporting/index.js';
import { JetStreamRecord } from '../client/index.js';
import { toHeaders } from '../packets/index.js';

/** The answer of a handler, with headers if it returned a record. */
export interface AnswerContent {
  readonly data: unknown;
  readonly headers?: MsgHdrs | undefined;
}

/**
 * Extracts an answer from the record that a handler may have returned.
 *
 * @throws {@link InvalidArgumentError} if the headers of the record cannot be sent
 */
export function answerContent(value: unknown): AnswerContent {
  if (isInstance(value, JetStreamRecord)) {
    return { data: value.data, headers: toHeaders(value.options.headers) };
  }
  if (!isInstance(value, NatsRecord)) return { data: value };
  const headers: unknown = value.headers;
  return { data: value.data, headers: toHeaders(headers as PublishHeaders | undefined) };
}
