import { isMade, type KvWatchHandlerOptions, type MadeOptions } from '../options/index.js';
import { addHandler, type HandlerMethodDecorator } from './handler-metadata.js';

/**
 * Follows keys of a Key-Value bucket: the method is called for each entry, one after another, first with what the
 * bucket holds, then with each change. `@Payload()` is the value, `null` for a deleted key; `@Ctx()` a
 * {@link KvContext}.
 *
 * A method that throws is called again with backoff, a few times; then the entry is reported and the watch goes on.
 *
 * @example
 * ```ts
 * @KvWatch('profiles', { keys: 'sue.*' })
 * onProfile(@Payload() profile: Profile | null, @Ctx() context: KvContext) {}
 * ```
 */
export function KvWatch(bucket: string, options?: KvWatchHandlerOptions): HandlerMethodDecorator;
/**
 * With a bucket and options that are made at bootstrap from what is injected.
 *
 * @example
 * ```ts
 * @KvWatch({ inject: [ConfigService], useFactory: (config: ConfigService) => ({ bucket: config.getOrThrow('BUCKET') }) })
 * onProfile(@Payload() profile: Profile | null) {}
 * ```
 */
export function KvWatch(
  options: MadeOptions<KvWatchHandlerOptions & { readonly bucket: string }>,
): HandlerMethodDecorator;
export function KvWatch(
  bucket: string | MadeOptions<KvWatchHandlerOptions & { readonly bucket: string }>,
  options: KvWatchHandlerOptions = {},
): HandlerMethodDecorator {
  if (!isMade(bucket)) return addHandler({ kind: 'kv-watch', bucket, options });
  return addHandler({ kind: 'kv-watch', bucket: '', options: {}, made: bucket });
}
