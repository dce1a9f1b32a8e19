import { orderKeyOf } from '../model/forms.js';
import type { History } from '../model/history.js';
import type { MessageEvent } from '../model/records.js';
import { LeaderChanges } from './leader-changes.js';
import type { Violation } from './violation.js';

/**
 * Order per key: in one process, `keyed` handles the messages of a key one at a time, and new messages in the order of the
 * stream. `ordered` receives each message once, in the order of the stream.
 *
 * A new leader of a consumer may not know the last deliveries of the leader before. It delivers these messages again as if they
 * were new, and the first time may have been lost in transit. So a message that was begun around an election may be an old one.
 */
export function checkOrder(history: History): Violation[] {
  const violations: Violation[] = [];
  const leaders = new LeaderChanges(history, 'WORK/keyed');
  const isLater = history.streamSince === -Infinity ? hasLaterSequence : wasStoredLater;
  const report = (text: string, ...events: MessageEvent[]): void => {
    const [{ form }] = events;
    violations.push({
      promise: 'order',
      text: `${form}: ${text}`,
      about: { form, ids: events.map(({ id }) => id) },
    });
  };
  const running = new Map<string, MessageEvent>();
  const last = new Map<string, MessageEvent>();
  for (const event of history.messages()) {
    const { kind, form, process, id } = event;
    const isStart = kind === 'begun' || kind === 'repeated';
    if (form === 'ordered' && isStart) {
      const before = last.get(`${process}`);
      if (before && !isLater(event, before))
        report(`${placeText(event)} after ${placeText(before)}`, event, before);
      last.set(`${process}`, event);
    }
    if (form !== 'keyed') continue;
    const key = `${process} ${orderKeyOf(id)}`;
    const other = running.get(key);
    if (isStart) {
      if (other)
        report(`${placeText(event)} was begun while ${placeText(other)} of the same key ran`, event, other);
      running.set(key, event);
    } else if (kind === 'ended' || kind === 'failed') running.delete(key);
    if (kind !== 'begun') continue;
    const before = last.get(key);
    // A consumer that was created again may deliver older messages, and counts its deliveries from 1 again.
    const isOutOfOrder = before && event.delivery > before.delivery && !isLater(event, before);
    if (isOutOfOrder && !leaders.during(before.at, event.at)) {
      report(`${placeText(event)} was begun after ${placeText(before)} of the same key`, event, before);
    }
    last.set(key, event);
  }
  return violations.slice(0, 5);
}

/** Changes of a watched key arrive in the order of their revisions; messages of a subscription arrive once at most. */
export function checkReceived(history: History): Violation[] {
  const last = new Map<string, number>();
  const seen = new Set<string>();
  const violations: Violation[] = [];
  for (const { source, number, process } of history.notesOf('received')) {
    const isWatch = source.startsWith('watch');
    // The processes of a service share a queue; otherwise each receives all messages.
    const place = source === 'shared' ? source : `${process} ${source}`;
    const before = last.get(place) ?? 0;
    if (isWatch && number <= before) {
      violations.push({ promise: 'order', text: `${source}: revision ${number} after ${before}` });
    }
    if (!isWatch && seen.has(`${place} ${number}`)) {
      violations.push({ promise: 'order', text: `${source}: message ${number} twice` });
    }
    last.set(place, number);
    if (!isWatch) seen.add(`${place} ${number}`);
  }
  return violations.slice(0, 5);
}

function hasLaterSequence(a: MessageEvent, b: MessageEvent): boolean {
  return a.sequence > b.sequence;
}

/** Of two messages of the same or of different incarnations of a stream. */
function wasStoredLater(a: MessageEvent, b: MessageEvent): boolean {
  return a.until > b.until || (a.until === b.until && a.sequence > b.sequence);
}

function placeText({ sequence, id }: MessageEvent): string {
  return `sequence ${sequence} (message ${id})`;
}
