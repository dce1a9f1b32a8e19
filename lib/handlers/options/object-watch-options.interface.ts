/** Options of {@link ObjectWatch}. */
export interface ObjectWatchHandlerOptions {
  /** All descriptions that the bucket has of each object, not only the newest. Default: false. */
  readonly includeHistory?: boolean | undefined;
  /** Only what changes from now on. Default: false. */
  readonly updatesOnly?: boolean | undefined;
  /** No deletions. Default: false. */
  readonly ignoreDeletes?: boolean | undefined;
  /** The name of the connection. Default: `default`. */
  readonly connection?: string | undefined;
}
