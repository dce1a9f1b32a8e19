/** Options of {@link KvWatch}. */
export interface KvWatchHandlerOptions {
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
