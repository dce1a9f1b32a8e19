import type { DeadLetters, JetStreamEvents, Settlement } from '../../consuming/index.js';
import type { Provisioning, StreamDeclaration } from '../../jetstream/index.js';
import type { TransportConnectionOptions } from '../transport-connection-options.interface.js';
import type { ConsumerDefaults } from './pattern-extras.interface.js';

/** Options of a {@link JetStreamServer}. Durations in milliseconds. */
export interface JetStreamServerOptions extends TransportConnectionOptions {
  /**
   * The name of the service, which is the same for all its instances and unique among services. Its durable consumers
   * and its queue group are named after it.
   */
  readonly name: string;
  /** The queue group in which instances share requests; `false`: every instance answers. Default: `name`. */
  readonly queue?: string | false | undefined;
  /** Streams that the service needs: they are created, or compared, before its consumers. */
  readonly streams?: readonly StreamDeclaration[] | undefined;
  /**
   * Whether the events and requests of streams are consumed from `listen` on. With `false`, their streams are looked up,
   * but no consumer is created, until {@link Handlers.start} starts them. Patterns of core NATS are served in any case.
   * Default: true.
   */
  readonly autoStart?: boolean | undefined;
  /** Defaults for all `@EventPattern` handlers. */
  readonly events?:
    | (ConsumerDefaults & {
        /** One durable consumer for each pattern (default), or one for all patterns of a stream. */
        readonly consumer?: 'pattern' | 'service' | undefined;
      })
    | undefined;
  /** Defaults for all `@MessagePattern` handlers with `mode: 'jetstream'`. */
  readonly requests?: ConsumerDefaults | undefined;
  /**
   * How streams and consumers on the server are treated when the server starts to listen. Default `ensure`: missing
   * ones are created, and existing ones with other options are updated, even while another service uses them. See
   * {@link Provisioning}.
   */
  readonly provisioning?: Provisioning | undefined;
  /** Settles events and durable requests: its `onStart`, `onSuccess` and `onFailure`. Default: a {@link MessageSettlement}. */
  readonly settlement?: Settlement | undefined;
  /**
   * The `DeadLetters` of the application, from `app.get(DeadLetters)`. It is needed only if replays to the handler
   * should find the handlers of this server, not for replays to the subject.
   */
  readonly deadLetters?: DeadLetters | undefined;
  /**
   * The `JetStreamEvents` of the application, from `app.get(JetStreamEvents)`. It is needed only if `@OnJetStreamEvent`
   * methods should receive the events of this server's consumers too.
   */
  readonly jetStreamEvents?: JetStreamEvents | undefined;
  /**
   * How long `listen` may take on a connected server: streams and consumers are looked up and created, and failures
   * caused by leader elections of a cluster are retried. The wait for a first server does not count. `Infinity`: no
   * limit. Default: that of the `JetStreamModule` whose connection it shares, or 60,000.
   */
  readonly bootTimeout?: number | undefined;
  /**
   * How long handlers in flight may take at shutdown; then events are returned to the server, and requests are
   * cancelled. In an application with a `JetStreamModule`, it can only be shorter than the `shutdownTimeout` of the
   * module, because both run together. Default 10,000.
   */
  readonly shutdownTimeout?: number | undefined;
}
