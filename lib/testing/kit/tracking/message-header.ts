import { FLOW_HEADER, type ObservedDelivery } from '../../../instruments/index.js';
import { hideHeader } from '../../../connection/index.js';
import { JetStreamMessage } from '../../../jetstream/index.js';

/** Kits have numbers, so that messages of one kit are not mistaken for those of another. */
const kits = new WeakMap<object, string>();

/** The value of the header of a message. */
export function headerOf(kit: object, id: number): Readonly<Record<string, string>> {
  return { [FLOW_HEADER]: `${nameOf(kit)}.${id}` };
}

/** The id of a message that a kit has sent; its header is hidden from handlers. `undefined` for other messages. */
export function messageIdOf(kit: object, delivery: ObservedDelivery): number | undefined {
  const value = delivery.headers?.get(FLOW_HEADER) ?? '';
  if (value === '') return undefined;
  hideHeader(delivery instanceof JetStreamMessage ? delivery.msg : delivery, FLOW_HEADER);
  const prefix = `${nameOf(kit)}.`;
  const id = value.startsWith(prefix) ? Number(value.slice(prefix.length)) : Number.NaN;
  return Number.isSafeInteger(id) ? id : undefined;
}

function nameOf(kit: object): string {
  let name = kits.get(kit);
  if (name === undefined) kits.set(kit, (name = Math.random().toString(36).slice(2)));
  return name;
}
