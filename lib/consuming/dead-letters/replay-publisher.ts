import { createHash } from 'node:crypto';
import type { MsgHdrs } from '@nats-io/transport-node';
import { givenBytes } from '../../codecs/index.js';
import { MessageHeaders } from '../../connection/index.js';
import { InvalidArgumentError, ReplayRefusedError } from '../../errors/index.js';
import type { RunningOperation } from '../../instruments/index.js';
import {
  type CallOptions,
  type JetStreamService,
  type PubAck,
  withInstruments,
} from '../../jetstream/index.js';
import { shown } from '../../reporting/index.js';
import { isReplyAllowed, optionsCheck } from '../../validation/index.js';
import { REPLAY_HEADER } from './dead-letter-headers.js';
import type { DeadLetter } from './dead-letter.js';
import { isTooLarge } from './omitted-payload.js';

/** What is published instead of the original message. */
export interface EditedMessage {
  /** The payload, as it is sent. */
  readonly data: Uint8Array;
  /** Its headers. Default: those of the original. Names that begin with `Nats-` are refused. */
  readonly headers?: MsgHdrs | undefined;
}

const checkMessage = optionsCheck<EditedMessage>(
  'the edited message',
  { data: true, headers: true },
  'edited',
);

/** @throws {@link InvalidArgumentError} */
export function checkEdited(given: EditedMessage): EditedMessage {
  const { data, headers } = checkMessage(given);
  if (givenBytes(data) === undefined)
    throw new InvalidArgumentError('data', `${shown(data)} is not a Uint8Array`);
  if (headers === undefined) return { data };
  const copy = new MessageHeaders();
  for (const [name, values] of headers) {
    if (/^nats-/i.test(name)) {
      throw new InvalidArgumentError('headers', `${shown(name)} is an instruction to the server: remove it`);
    }
    for (const value of values) copy.append(name, value);
  }
  return { data, headers: copy };
}

/** Publishes the messages of dead letters to their original subject. */
export class ReplayPublisher {
  constructor(private readonly jetstream: JetStreamService) {}

  /**
   * @param edited what is published instead of the original
   * @throws {@link ReplayRefusedError} if the subject begins with `$` or has wildcards
   * @throws the errors of {@link JetStreamService.publish}
   */
  async publish(
    letter: DeadLetter,
    edited: EditedMessage | undefined,
    { timeout, signal }: CallOptions,
    operation: RunningOperation | undefined,
  ): Promise<PubAck> {
    // Publishing has no infinite timeout.
    const wait = { timeout: timeout === undefined ? undefined : Math.min(timeout, Number.MAX_VALUE), signal };
    const { subject, sequence } = letter;
    const { data } = edited ?? letter;
    const own = edited?.headers ?? letter.publishableHeaders;
    // The subject is not trustworthy: any user with permission to publish to the dead-letter stream could have written
    // it.
    if (!isReplyAllowed(subject)) throw new ReplayRefusedError(sequence, subject);
    const headers = copyOf(own);
    withInstruments(headers, { subject, data }, operation);
    headers.set(REPLAY_HEADER, String(sequence));
    try {
      return await this.jetstream.publishUnchanged(subject, data, {
        ...wait,
        headers,
        messageId: messageIdOf(letter, edited),
      });
    } catch (error) {
      if (!isTooLarge(error)) throw error;
      // The original may have the maximum size of a message, without room for these two headers.
      const ownHeaders = own.keys().length > 0 ? { headers: own } : {};
      return this.jetstream.publishUnchanged(subject, data, { ...wait, ...ownHeaders });
    }
  }
}

/**
 * The id differs from that of the original: within the duplicates window, the stream would discard it as a duplicate. Each
 * change of a message has its own.
 */
function messageIdOf({ sequence, time }: DeadLetter, edited: EditedMessage | undefined): string {
  const id = `dead-letter-replay.${sequence}.${time.getTime()}`;
  if (edited === undefined) return id;
  const hash = createHash('sha256').update(edited.data);
  for (const [name, values] of edited.headers ?? []) hash.update(JSON.stringify([name, values]));
  return `${id}.${hash.digest('base64url')}`;
}

function copyOf(headers: MsgHdrs): MessageHeaders {
  const copy = new MessageHeaders();
  for (const [name, values] of headers) for (const value of values) copy.keep(name, value);
  return copy;
}
