import type { PipeTransform } from '@nestjs/common';
import { pipesConsumerPrototype } from '../../nest/index.js';
import { refusesPayload } from './invalid-payload.js';

/** Says that the pipes of a process report their refusals; other copies of this library share them. */
const REFUSALS = Symbol.for('nestjs-nats-jetstream:pipe-refusals');

/**
 * Has the pipes of Nest's own pipelines report the errors with which they refuse payloads, so that they can be told from
 * errors of handlers: a `BadRequestException` of a pipe says that the payload is wrong, that of a handler does not.
 *
 * Nest gives a transport no other way to tell them apart. The errors are thrown as they are; nothing else changes.
 *
 * @throws {@link UnsupportedNestVersionError}
 */
export function reportPipeRefusals(): void {
  const prototype = pipesConsumerPrototype() as ReturnType<typeof pipesConsumerPrototype> & {
    [REFUSALS]?: WeakSet<object>;
  };
  if (prototype[REFUSALS]) return;
  const refusals = new WeakSet<object>();
  Object.defineProperty(prototype, REFUSALS, { value: refusals });
  // oxlint-disable-next-line unbound-method -- called on the consumer below
  const { apply } = prototype;
  const reporting = new WeakMap<PipeTransform, PipeTransform>();
  const reportingPipe = (pipe: PipeTransform): PipeTransform => {
    const known = reporting.get(pipe);
    if (known) return known;
    const wrapper: PipeTransform = {
      transform: async (value: unknown, metadata) => {
        try {
          return (await pipe.transform(value, metadata)) as unknown;
        } catch (error) {
          if (typeof error === 'object' && error !== null && refusesPayload(error, pipe)) {
            for (const each of [error, contentOf(error)]) if (each) refusals.add(each);
          }
          throw error;
        }
      },
    };
    reporting.set(pipe, wrapper);
    return wrapper;
  };
  prototype.apply = function (value, metadata, pipes) {
    return apply.call(this, value, metadata, pipes.length === 0 ? pipes : pipes.map(reportingPipe));
  };
}

/** Whether an error, or what an `RpcException` holds, is that with which a pipe refused a payload. */
export function isPipeRefusal(error: unknown): boolean {
  const { [REFUSALS]: refusals } = pipesConsumerPrototype() as { [REFUSALS]?: WeakSet<object> };
  return typeof error === 'object' && error !== null && refusals?.has(error) === true;
}

/** Nest's own exception filter throws what an `RpcException` holds. */
function contentOf(error: object): object | undefined {
  const { getError } = error as { readonly getError?: () => unknown };
  const content = typeof getError === 'function' ? getError.call(error) : undefined;
  return typeof content === 'object' && content !== null ? content : undefined;
}
