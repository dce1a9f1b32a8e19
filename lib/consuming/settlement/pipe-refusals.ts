import type { PipeTransform } from '@nestjs/common';
import { pipesConsumerPrototype } from '../../nest/index.js';
import { refusesPayload } from './invalid-payload.js';

/** Marks that the pipes of the process report their rejections; other copies of this library share this mark. */
const REFUSALS = Symbol.for('nestjs-nats-jetstream:pipe-refusals');

/**
 * Makes the pipes of Nest's own pipelines report the errors with which they reject payloads, so that these can be
 * distinguished from errors of handlers: a `BadRequestException` of a pipe means that the payload is invalid, that of a
 * handler does not.
 *
 * Nest offers transports no other way to distinguish them. The errors are thrown unchanged.
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

/** Whether an error, or the content of an `RpcException`, is the one with which a pipe rejected a payload. */
export function isPipeRefusal(error: unknown): boolean {
  const { [REFUSALS]: refusals } = pipesConsumerPrototype() as { [REFUSALS]?: WeakSet<object> };
  return typeof error === 'object' && error !== null && refusals?.has(error) === true;
}

/** Nest's own exception filter throws the content of an `RpcException`. */
function contentOf(error: object): object | undefined {
  const { getError } = error as { readonly getError?: () => unknown };
  const content = typeof getError === 'function' ? getError.call(error) : undefined;
  return typeof content === 'object' && content !== null ? content : undefined;
}
