import type { EnabledOption } from './handler-enabled.js';

/** Options of {@link KvWatch}. */
export type KvWatchHandlerOptions = (
  | {
      /** Delivers only changes from now on. Default: false. */
      readonly updatesOnly?: boolean | undefined;
      readonly includeHistory?: false | undefined;
      readonly resumeFromRevision?: undefined;
      readonly waitForInitialValues?: false | undefined;
    }
  | {
      readonly updatesOnly?: false | undefined;
      /** Delivers the whole history of each key, not only its newest value. Default: false. */
      readonly includeHistory?: boolean | undefined;
      /** Starts at this revision. */
      readonly resumeFromRevision?: number | undefined;
      /**
       * Waits at startup until the method has been called for all values that the bucket has: before any message is given
       * to a decorated handler, and before `app.init()` and `app.listen()` resolve. A value whose calls all fail is skipped, as always. The wait
       * ends if the handler is paused or stopped; after `bootTimeout` the startup fails with {@link BootTimeoutError}.
       * Default: false.
       */
      readonly waitForInitialValues?: boolean | undefined;
    }
) &
  EnabledOption & {
    /**
     * The keys to watch: one or several, wildcards `*` and `>` are allowed (several keys: nats-server 2.10). Default:
     * all.
     */
    readonly keys?: string | readonly string[] | undefined;
    /** Skips deletions and purges. Default: false: they are delivered with the payload `null`. */
    readonly ignoreDeletes?: boolean | undefined;
    /** Delivers keys without their values. Default: false. */
    readonly metaOnly?: boolean | undefined;
    /** The name of the connection. Default: `default`. */
    readonly connection?: string | undefined;
  };
