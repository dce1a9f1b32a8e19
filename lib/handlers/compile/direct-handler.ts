import type { CompiledHandler, HandlerSource } from '../../consuming/index.js';
import type { HandlerMethod } from './handler-method.js';
import type { HandlerParam } from './handler-params.js';
import { compileInvocation } from './invocation.js';
import { ParamValues } from './param-values.js';

/**
 * Compiles a handler without enhancers: its method is called directly, and only with the parameters that it uses. The
 * common signatures have specialized functions, to avoid an array for each message.
 */
export function compileDirect<Input>(
  handler: HandlerMethod,
  params: readonly HandlerParam[],
  source: HandlerSource<Input>,
  instance: object,
): CompiledHandler<Input> {
  const { method } = handler;
  // Read for each call, because tests may replace the method on the instance or its class, before or after the
  // application starts.
  const target = instance as Record<string, HandlerMethod['callback']>;
  const invoke = compileInvocation(handler, params, [], instance);
  const general: CompiledHandler<Input> = (input) => {
    const values = new ParamValues(handler, source, input);
    const preparing = source.mayBePending ? values.prepare() : undefined;
    return preparing ? preparing.then(() => invoke(values)) : invoke(values);
  };
  if (source.mayBePending) return general;
  const shape = params.map((param) => (param.data === undefined ? param.source : 'custom')).join();
  if (shape === 'payload') return (input) => target[method](source.payload(input));
  if (shape === 'payload,context') {
    return (input) => target[method](source.payload(input), source.context(input));
  }
  if (shape === 'context') return (input) => target[method](source.context(input));
  return general;
}
