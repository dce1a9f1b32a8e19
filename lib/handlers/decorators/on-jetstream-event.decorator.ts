import type { JetStreamEvent } from '../../consuming/index.js';
import { addHandler, type HandlerMethodDecorator } from './handler-metadata.js';

/**
 * Observes connections and handlers: the method is called with each {@link JetStreamEvent} of the given types, or of
 * all types if none is given. Its errors are logged.
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
