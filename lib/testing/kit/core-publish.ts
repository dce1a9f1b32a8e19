import { encodePayload, givenBytes } from '../../codecs/index.js';
import { MessageHeaders } from '../../connection/index.js';
import { InvalidSubjectError } from '../../errors/index.js';
import type { JetStreamService } from '../../jetstream/index.js';
import { nameText } from '../../reporting/index.js';
import type { FlowTracker } from './flow-tracker.js';
import { headerOf } from './message-header.js';

/**
 * Publishes a message with core NATS, in the flow of the code that is running.
 *
 * @throws {@link InvalidSubjectError}, {@link InvalidArgumentError}
 */
export async function publishCore(
  tracker: FlowTracker,
  { connection, declarations }: JetStreamService,
  subject: string,
  payload: unknown,
): Promise<void> {
  checkSubject(subject);
  const data = encoded(payload, (value) => encodePayload(declarations.codecOfSubject(subject), value));
  const message = tracker.send(tracker.flows, subject);
  const headers = new MessageHeaders();
  for (const [header, value] of Object.entries(headerOf(tracker, message.id))) headers.set(header, value);
  tracker.expect(message, tracker.groups.ofMessage(subject, undefined));
  connection.wire.publish(subject, data, undefined, headers);
  const decoded = tracker.decode(data, { connection: connection.name, subject });
  tracker.published(message, decoded, { duration: 0, count: 1 });
}

function encoded(payload: unknown, encode: (value: unknown) => Uint8Array): Uint8Array | string {
  if (typeof payload === 'string') return payload;
  return payload === undefined ? '' : (givenBytes(payload) ?? encode(payload));
}

function checkSubject(subject: unknown): void {
  if (typeof subject === 'string' && !/[\s*>]/.test(subject) && !subject.split('.').includes('')) return;
  throw new InvalidSubjectError(nameText(subject), 'it is not a subject that can be published to');
}
