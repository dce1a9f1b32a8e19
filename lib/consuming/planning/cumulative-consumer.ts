import type { JsConsumerOptions } from '../options/index.js';

/** The group in which instances of a handler with `ackPolicy: 'all'` pull: the server pins it to one of them. */
export const PINNED_GROUP = 'pinned';
/**
 * How long after the last pull another instance takes over, in milliseconds. Pulls are sent at least every 30 seconds.
 */
const PINNED_TTL = 60_000;
const PINNING_VERSION = '2.11.0';

/**
 * Pins a consumer with `ackPolicy: 'all'` to one instance of the application, because the acknowledgement of one
 * instance would also cover messages that are in flight in another one.
 */
export function pinCumulative(
  options: JsConsumerOptions,
  supports: (version: string) => boolean,
): { readonly options: JsConsumerOptions; readonly mistakes: readonly string[] } {
  if (options.ordered || options.push || options.ackPolicy !== 'all') return { options, mistakes: [] };
  const mistakes: string[] = [];
  const { durable, name, priorityPolicy, maxAckPending } = options;
  if (maxAckPending !== undefined && maxAckPending < 1) {
    mistakes.push(
      "ackPolicy 'all' needs a maxAckPending of 1 or more: a failed batch delays the acknowledgements of all later messages",
    );
  }
  // An ephemeral consumer belongs to one instance.
  if (durable === undefined && name === undefined) return { options, mistakes };
  if (priorityPolicy !== undefined) {
    if (priorityPolicy !== 'pinned_client') {
      mistakes.push(
        `ackPolicy 'all' needs the priorityPolicy 'pinned_client', not '${priorityPolicy}': an acknowledgement of one ` +
          'instance would also acknowledge messages in flight in another',
      );
    }
    return { options, mistakes };
  }
  if (!supports(PINNING_VERSION)) {
    mistakes.push(
      "ackPolicy 'all' with a durable consumer needs nats-server 2.11, which pins the consumer to one instance: otherwise an " +
        'acknowledgement of one instance would also acknowledge messages in flight in another. ' +
        "Use ackPolicy 'explicit', or leave durable out",
    );
    return { options, mistakes };
  }
  return {
    options: {
      ...options,
      priorityPolicy: 'pinned_client',
      priorityGroups: [PINNED_GROUP],
      pinnedTtl: PINNED_TTL,
      priorityGroup: PINNED_GROUP,
    },
    mistakes,
  };
}
