import type { JetStreamBatchContext } from '../../consuming/index.js';

/** A decorator of methods with certain parameters. */
export type CheckedDecorator<Method extends (...args: never[]) => unknown> = <M extends Method>(
  target: object,
  method: string | symbol,
  descriptor: TypedPropertyDescriptor<M>,
) => void;

/** A method whose first parameter accepts the payload. */
export type PayloadMethod<Payload> = (payload: Payload, ...rest: never[]) => unknown;

/** A method whose first parameter accepts an array of payloads, or the context of a batch. */
export type BatchMethod<Payload> = PayloadMethod<Payload[]> | PayloadMethod<JetStreamBatchContext>;
