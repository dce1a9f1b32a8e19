import { addHandler, type HandlerMethodDecorator } from './handler-metadata.js';
import { isMade, type MadeOptions } from './resolved-options.js';

/** Options of {@link KvWatch}. */
export interface KvWatchOptions {
  /** The keys to watch: one or several, wildcards `*` and `>` allowed (several: nats-server 2.10). Default: all. */
  readonly keys?: string | readonly string[] | undefined;
  /** All that the bucket keeps of each key, not only its newest value. Default: false. */
  readonly includeHistory?: boolean | undefined;
  /** Only what changes from now on. Default: false. */
  readonly updatesOnly?: boolean | undefined;
  /** No deletions and purges. Default: false: they come with the payload `null`. */
  readonly ignoreDeletes?: boolean | undefined;
  /** Keys without their values. Default: false. */
  readonly metaOnly?: boolean | undefined;
  /** Starts at that revision. */
  readonly resumeFromRevision?: number | undefined;
  /** The name of the connection. Default: `default`. */
  readonly connection?: string | undefined;
}

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
export function KvWatch(bucket: string, options?: KvWatchOptions): HandlerMethodDecorator;
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
  options: MadeOptions<KvWatchOptions & { readonly bucket: string }>,
): HandlerMethodDecorator;
export function KvWatch(
  bucket: string | MadeOptions<KvWatchOptions & { readonly bucket: string }>,
  options: KvWatchOptions = {},
): HandlerMethodDecorator {
  if (!isMade(bucket)) return addHandler({ kind: 'kv-watch', bucket, options });
  return addHandler({ kind: 'kv-watch', bucket: '', options: {}, made: bucket });
}
