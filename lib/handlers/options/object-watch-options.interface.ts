/** Options of {@link ObjectWatch}. */
export interface ObjectWatchHandlerOptions {
  /** Delivers all stored descriptions of each object, not only the newest. Default: false. */
  readonly includeHistory?: boolean | undefined;
  /** Delivers only changes from now on. Default: false. */
  readonly updatesOnly?: boolean | undefined;
  /** Skips deletions. Default: false. */
  readonly ignoreDeletes?: boolean | undefined;
  /** The name of the connection. Default: `default`. */
  readonly connection?: string | undefined;
}
