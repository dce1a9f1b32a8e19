import { isMade, type FactoryOptions, type ObjectWatchHandlerOptions } from '../options/index.js';
import { addHandler, type HandlerMethodDecorator } from './handler-metadata.js';

/**
 * Follows the objects of an Object Store bucket: the method is called with the description of each object, one after
 * another: first for the existing objects, then for each change. `@Payload()` is the {@link ObjectInfo} (`deleted` is
 * `true` for a deletion), `@Ctx()` an {@link ObjectContext}.
 *
 * If the method throws, it is called again with backoff, a few times. Then the object is reported and skipped.
 */
export function ObjectWatch(bucket: string, options?: ObjectWatchHandlerOptions): HandlerMethodDecorator;
/**
 * With a factory that creates the bucket name and options at bootstrap, from injected providers, as with `@KvWatch`.
 */
export function ObjectWatch(
  options: FactoryOptions<ObjectWatchHandlerOptions & { readonly bucket: string }>,
): HandlerMethodDecorator;
export function ObjectWatch(
  bucket: string | FactoryOptions<ObjectWatchHandlerOptions & { readonly bucket: string }>,
  options: ObjectWatchHandlerOptions = {},
): HandlerMethodDecorator {
  if (!isMade(bucket)) return addHandler({ kind: 'object-watch', bucket, options });
  return addHandler({ kind: 'object-watch', bucket: '', options: {}, made: bucket });
}
