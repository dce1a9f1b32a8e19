import { HandlerNotFoundError } from '../../../errors/index.js';

/** Under this property a flow has the names of all handlers, in every copy of this library: a matcher may be another one. */
const HANDLERS = Symbol.for('nestjs-nats-jetstream:test-flow-handlers');

/** Adds the names of all handlers to a flow; they are not shown, and ignored by comparisons. */
export function withHandlers<Flow extends object>(flow: Flow, names: readonly string[]): Flow {
  return Object.defineProperty(flow, HANDLERS, { value: names });
}

/**
 * Checks the name of a handler: a wrong one would match nothing, and an expectation that nothing matches would always be met.
 *
 * @throws {@link HandlerNotFoundError}
 */
export function checkHandlerName(name: string | undefined, known: readonly string[]): void {
  if (name !== undefined && !known.includes(name)) throw new HandlerNotFoundError(name, known);
}

/** Like {@link checkHandlerName}, for the handlers of a flow. @throws {@link HandlerNotFoundError} */
export function checkHandlerOfFlow(name: string | undefined, flow: object): void {
  const known: unknown = Reflect.get(flow, HANDLERS);
  if (Array.isArray(known)) checkHandlerName(name, known as readonly string[]);
}
