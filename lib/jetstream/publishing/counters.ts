import type { JetStreamConnection } from '../../connection/index.js';
import {
  InvalidArgumentError,
  InvalidPubAckError,
  MessageNotFoundError,
  PayloadDecodingError,
} from '../../errors/index.js';
import { shown } from '../../reporting/index.js';
import { type CallOptions, inSteps, type JetStreamApi } from '../api/index.js';
import { type StoredMessage, Streams } from '../streams/index.js';
import type { PubAck } from './pub-ack.js';
import { PublishHeader } from './publish-headers.js';
import { assertPublishSubject } from './publish-subject.js';

/** A counter as stored in its stream (nats-server 2.12, ADR-49). */
export interface Counter {
  readonly subject: string;
  readonly value: bigint;
  /** The value that the last message added. */
  readonly increment: bigint;
  /** If the stream has sources: the last value from each, by stream and subject there. */
  readonly sources: Readonly<Record<string, Readonly<Record<string, bigint>>>>;
}

const SOURCES = 'Nats-Counter-Sources';

/**
 * The headers that make a message increment a counter. @throws {@link InvalidArgumentError} if the value is not a whole
 * number
 */
export function incrementHeaders(by: number | bigint): Readonly<Record<string, string>> {
  if (typeof by !== 'bigint' && !Number.isSafeInteger(by)) {
    throw new InvalidArgumentError('by', `${shown(by)} is not a whole number; pass a bigint beyond 2^53`);
  }
  return { [PublishHeader.increment]: by < 0 ? String(by) : `+${String(by)}` };
}

/** The counter's value after an increment. */
export function counterValue({ value }: PubAck, subject: string): bigint {
  if (value === undefined) throw new InvalidPubAckError(subject, 'it has no counter value');
  try {
    return BigInt(value);
  } catch (cause) {
    throw new InvalidPubAckError(subject, 'its counter value is not a number', { cause });
  }
}

/** Reads a counter; `undefined` if it was never incremented. */
export async function readCounter(
  connection: JetStreamConnection,
  api: JetStreamApi,
  subject: string,
  options: CallOptions,
): Promise<Counter | undefined> {
  connection.require('A counter', '2.12.0');
  assertPublishSubject(subject);
  const streams = new Streams(api);
  return inSteps(options, async (left) => {
    const stream = await streams.get(await streams.nameBySubject(subject, left), left);
    try {
      return toCounter(await stream.getLastMessage(subject, left));
    } catch (error) {
      if (error instanceof MessageNotFoundError) return undefined;
      throw error;
    }
  });
}

/** @throws {@link PayloadDecodingError} if the message is not one of a counter */
function toCounter(message: StoredMessage): Counter {
  const { subject, headers } = message;
  try {
    return {
      subject,
      value: BigInt(message.json<{ readonly val: string }>().val),
      increment: BigInt(headers?.get(PublishHeader.increment) || 0),
      sources: parseSources(headers?.get(SOURCES)),
    };
  } catch (cause) {
    if (cause instanceof PayloadDecodingError) throw cause;
    const problem = `the last message of "${subject}" is not a counter`;
    throw new PayloadDecodingError('counter', problem, { cause });
  }
}

function parseSources(json: string | undefined): Counter['sources'] {
  if (!json) return {};
  const streams = JSON.parse(json) as Readonly<Record<string, Readonly<Record<string, string>>>>;
  return Object.fromEntries(
    Object.entries(streams).map(([stream, values]) => [
      stream,
      Object.fromEntries(Object.entries(values).map(([subject, value]) => [subject, BigInt(value)])),
    ]),
  );
}
