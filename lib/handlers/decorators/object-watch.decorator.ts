import { isMade, type MadeOptions, type ObjectWatchHandlerOptions } from '../options/index.js';
import { addHandler, type HandlerMethodDecorator } from './handler-metadata.js';

/**
 * Follows the objects of an Object Store bucket: the method is called with the description of each object, one after
 * another, first those that are there, then each new one. `@Payload()` is the {@link ObjectInfo} (its `deleted` tells
 * a deletion), `@Ctx()` an {@link ObjectContext}.
 *
 * A method that throws is called again with backoff, a few times; then the object is reported and the watch goes on.
 */
export function ObjectWatch(bucket: string, options?: ObjectWatchHandlerOptions): HandlerMethodDecorator;
/** With a bucket and options that are made at bootstrap from what is injected, as with `@KvWatch`. */
export function ObjectWatch(
  options: MadeOptions<ObjectWatchHandlerOptions & { readonly bucket: string }>,
): HandlerMethodDecorator;
export function ObjectWatch(
  bucket: string | MadeOptions<ObjectWatchHandlerOptions & { readonly bucket: string }>,
  options: ObjectWatchHandlerOptions = {},
): HandlerMethodDecorator {
  if (!isMade(bucket)) return addHandler({ kind: 'object-watch', bucket, options });
  return addHandler({ kind: 'object-watch', bucket: '', options: {}, made: bucket });
}
