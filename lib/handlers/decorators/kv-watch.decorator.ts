import { isMade, type KvWatchHandlerOptions, type FactoryOptions } from '../options/index.js';
import { addHandler, type HandlerMethodDecorator } from './handler-metadata.js';

/**
 * Follows keys of a Key-Value bucket: the method is called for each entry, one after another: first for the current
 * entries of the bucket, then for each change. `@Payload()` is the value, `null` for a deleted key; `@Ctx()` a
 * {@link KvContext}.
 *
 * If the method throws, it is called again with backoff, a few times. Then the entry is reported and skipped.
 *
 * @example
 * ```ts
 * @KvWatch('profiles', { keys: 'sue.*' })
 * onProfile(@Payload() profile: Profile | null, @Ctx() context: KvContext) {}
 * ```
 */
export function KvWatch(bucket: string, options?: KvWatchHandlerOptions): HandlerMethodDecorator;
/**
 * With a factory that creates the bucket name and options at bootstrap, from injected providers.
 *
 * @example
 * ```ts
 * @KvWatch({ inject: [ConfigService], useFactory: (config: ConfigService) => ({ bucket: config.getOrThrow('BUCKET') }) })
 * onProfile(@Payload() profile: Profile | null) {}
 * ```
 */
export function KvWatch(
  options: FactoryOptions<KvWatchHandlerOptions & { readonly bucket: string }>,
): HandlerMethodDecorator;
export function KvWatch(
  bucket: string | FactoryOptions<KvWatchHandlerOptions & { readonly bucket: string }>,
  options: KvWatchHandlerOptions = {},
): HandlerMethodDecorator {
  if (!isMade(bucket)) return addHandler({ kind: 'kv-watch', bucket, options });
  return addHandler({ kind: 'kv-watch', bucket: '', options: {}, made: bucket });
}
