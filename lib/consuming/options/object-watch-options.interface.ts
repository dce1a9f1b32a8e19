import type { EnabledOption } from './handler-enabled.js';

/** Options of {@link ObjectWatch}. */
export type ObjectWatchHandlerOptions = (
  | {
      /** Delivers only changes from now on. Default: false. */
      readonly updatesOnly?: boolean | undefined;
      readonly includeHistory?: false | undefined;
      readonly waitForInitialValues?: false | undefined;
    }
  | {
      readonly updatesOnly?: false | undefined;
      /** Delivers all stored descriptions of each object, not only the newest. Default: false. */
      readonly includeHistory?: boolean | undefined;
      /**
       * Waits at startup until the method has been called for all objects that the bucket has, as with {@link KvWatch}.
       * Default: false.
       */
      readonly waitForInitialValues?: boolean | undefined;
    }
) &
  EnabledOption & {
    /** Skips deletions. Default: false. */
    readonly ignoreDeletes?: boolean | undefined;
    /** The name of the connection. Default: `default`. */
    readonly connection?: string | undefined;
  };
