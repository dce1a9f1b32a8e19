import type {
  JsConsumerOptions,
  KvWatchHandlerOptions,
  NatsSubscribeOptions,
  ObjectWatchHandlerOptions,
} from './options/index.js';
import type { HandlerRunner, HandlerState } from './running/index.js';

/** A handler that is bound runs, so it has no option `enabled`. */
type Running<Options> = Options extends unknown ? Omit<Options, 'enabled'> : never;

/** What {@link Handlers.bind} binds a method to: one of these, with the options of its decorator. */
export type BindOptions =
  | {
      /** The consumer of a stream, with the options of `@JsConsumer`. */
      readonly consumer: Running<JsConsumerOptions>;
      readonly kvWatch?: undefined;
      readonly objectWatch?: undefined;
      readonly subscribe?: undefined;
    }
  | {
      /** The keys of a Key-Value bucket, with the options of `@KvWatch`. */
      readonly kvWatch: Running<KvWatchHandlerOptions> & { readonly bucket: string };
      readonly consumer?: undefined;
      readonly objectWatch?: undefined;
      readonly subscribe?: undefined;
    }
  | {
      /** The objects of an Object Store bucket, with the options of `@ObjectWatch`. */
      readonly objectWatch: Running<ObjectWatchHandlerOptions> & { readonly bucket: string };
      readonly consumer?: undefined;
      readonly kvWatch?: undefined;
      readonly subscribe?: undefined;
    }
  | {
      /** A subject of core NATS, with the options of `@NatsSubscribe`. */
      readonly subscribe: Running<NatsSubscribeOptions> & { readonly subject: string };
      readonly consumer?: undefined;
      readonly kvWatch?: undefined;
      readonly objectWatch?: undefined;
    };

/** A handler that {@link Handlers.bind} has bound. It runs until it is stopped, or the application is closed. */
export class BoundHandler implements AsyncDisposable {
  private ended: Promise<void> | undefined;

  /** @internal */
  constructor(
    private readonly runner: HandlerRunner,
    private readonly end: () => Promise<void>,
  ) {}

  /** Its name, for {@link Handlers}: class and method, with a number if the method is bound several times. */
  get name(): string {
    return this.runner.state.handler;
  }

  /** Its current state and statistics; after {@link stop}, the last ones. */
  get state(): HandlerState {
    return this.runner.state;
  }

  /**
   * Stops the handler as a shutdown does: messages in flight may take up to the module's `shutdownTimeout`, and are
   * then returned to the server. Then the handler is removed: {@link Handlers} does not list it any more. A consumer
   * that has a `durable` or `name` is kept on the server, with its position; other consumers are deleted. Further calls
   * return the same promise. It never rejects.
   */
  stop(): Promise<void> {
    return (this.ended ??= this.end());
  }

  /** The same as {@link stop}, for `await using`. It never rejects. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** Binds the handlers of a running application. */
export interface Binder {
  bind(instance: object, method: string, options: BindOptions): Promise<BoundHandler>;
}
