import { Buffer } from 'node:buffer';
import type { MsgHdrs } from '@nats-io/transport-node';
import { encodePayload, givenBytes } from '../../codecs/index.js';
import type { JetStreamConnection } from '../../connection/index.js';
import { InvalidArgumentError, PayloadTooLargeError } from '../../errors/index.js';
import type { RunningOperation } from '../../instruments/index.js';
import { shown } from '../../reporting/index.js';
import type { DeclaredStreams } from '../declared-streams.js';
import { defaultHeaders } from './default-headers.js';
import { headerSize } from './header-size.js';
import { withInstruments } from './instrument-headers.js';
import { MessageIds } from './message-ids.js';
import { buildHeaders } from './publish-headers.js';
import type { DefaultHeaders, MessageOptions, OutgoingMessage, Schedule } from './publish-options.js';
import { assertPublishSubject } from './publish-subject.js';

/** A message as it is sent to the server. */
export interface EncodedMessage {
  readonly subject: string;
  /** Text is written in UTF-8. */
  readonly data: Uint8Array | string;
  readonly headers: MsgHdrs | undefined;
  readonly messageId: string | undefined;
}

const EMPTY = new Uint8Array(0);

/** Checks messages and encodes them to bytes and headers, before anything is sent. */
export class MessageEncoder {
  readonly ids = new MessageIds();
  private checkedSubject: string | undefined;

  constructor(
    private readonly connection: JetStreamConnection,
    private readonly streams: DeclaredStreams,
    private readonly defaults?: DefaultHeaders,
  ) {}

  /**
   * @param identify whether a message without an id gets one
   * @param operation adds the headers of instruments
   * @throws {@link InvalidSubjectError}, {@link InvalidArgumentError}, {@link PayloadTooLargeError}, or
   * {@link UnsupportedServerFeatureError}
   */
  encode(
    message: OutgoingMessage,
    options: MessageOptions,
    identify: boolean,
    operation?: RunningOperation,
  ): EncodedMessage {
    if (typeof message !== 'object' || message === null) {
      throw new InvalidArgumentError(
        'message',
        `${shown(message)} is not a message; pass an object with a subject`,
      );
    }
    const { subject } = message;
    if (subject !== this.checkedSubject) {
      assertPublishSubject(subject);
      this.checkedSubject = subject;
    }
    if (options.ttl !== undefined || options.schedule || options.expect) this.requireFeatures(options);
    const data = this.payload(message, options);
    const messageId = options.messageId ?? (identify ? this.ids.next() : undefined);
    const defaults = defaultHeaders('publish.headers', this.defaults, subject);
    const built = buildHeaders(message.headers, options, messageId, defaults);
    const headers = withInstruments(built, { subject, data }, operation);
    const size = sizeOf(data) + (headers ? headerSize(headers) : 0);
    if (size > this.connection.maxPayload) {
      throw new PayloadTooLargeError(subject, size, this.connection.maxPayload);
    }
    return { subject, data, headers, messageId };
  }

  private payload({ subject, data }: OutgoingMessage, { codec }: MessageOptions): Uint8Array | string {
    if (typeof data === 'string') return data;
    if (data === undefined) return EMPTY;
    return givenBytes(data) ?? encodePayload(codec ?? this.streams.codecOfSubject(subject), data);
  }

  private requireFeatures({ ttl, schedule, expect }: MessageOptions): void {
    // Older servers would mistake the header for another one and check the message's own subject.
    if (expect?.lastSubjectSequenceSubject !== undefined) {
      this.connection.require('The publish option expect.lastSubjectSequenceSubject', '2.11.0');
    }
    if (ttl !== undefined) this.connection.require('The publish option ttl', '2.11.0');
    if (schedule === undefined || schedule === null) return;
    if (typeof schedule !== 'object')
      throw new InvalidArgumentError('schedule', 'it must be an object with a target');
    this.connection.require('The publish option schedule', '2.12.0');
    if (!isDelay(schedule)) this.connection.require('A schedule that repeats or has a source', '2.14.0');
  }
}

/** The size of a payload, in bytes. */
export function sizeOf(data: Uint8Array | string): number {
  return typeof data === 'string' ? Buffer.byteLength(data) : data.length;
}

function isDelay(schedule: Schedule): boolean {
  return 'at' in schedule && schedule.source === undefined;
}
