import type { JetStreamEvent } from '../../consuming/index.js';
import { addHandler, type HandlerMethodDecorator } from './handler-metadata.js';

/**
 * Hears of what happens to connections and handlers: the method is called with each {@link JetStreamEvent} of the given
 * types, of all where none is given. What it throws is logged.
 *
 * @example
 * ```ts
 * @OnJetStreamEvent('circuit-opened', 'consumer-lost')
 * alert(event: JetStreamEvent) {}
 * ```
 */
export function OnJetStreamEvent(...types: JetStreamEvent['type'][]): HandlerMethodDecorator {
  return addHandler({ kind: 'event', types });
}
