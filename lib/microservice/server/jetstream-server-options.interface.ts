import type { DeadLetters, JetStreamEvents, Settlement } from '../../consuming/index.js';
import type { Provisioning, StreamDeclaration } from '../../jetstream/index.js';
import type { TransportConnectionOptions } from '../transport-link.js';
import type { ConsumerDefaults } from './pattern-extras.interface.js';

/** Options of a {@link JetStreamServer}. Durations in milliseconds. */
export interface JetStreamServerOptions extends TransportConnectionOptions {
  /**
   * The name of the service: all its instances have the same, and no other service has it. Its durable consumers and its
   * queue group are named after it.
   */
  readonly name: string;
  /** The queue group in which instances share requests; `false`: every instance answers. Default: `name`. */
  readonly queue?: string | false | undefined;
  /** Streams that the service needs: made, or compared, before its consumers. */
  readonly streams?: readonly StreamDeclaration[] | undefined;
  /** What holds for all `@EventPattern`s that do not say otherwise. */
  readonly events?:
    | (ConsumerDefaults & {
        /** One durable consumer for each pattern (default), or one for all patterns of a stream. */
        readonly consumer?: 'pattern' | 'service' | undefined;
      })
    | undefined;
  /** What holds for all `@MessagePattern`s with `mode: 'jetstream'` that do not say otherwise. */
  readonly requests?: ConsumerDefaults | undefined;
  /**
   * What is done with streams and consumers on the server when it starts to listen. Default `ensure`: what is missing is
   * created, and what exists with other options is updated, also while another service uses it. See {@link Provisioning}.
   */
  readonly provisioning?: Provisioning | undefined;
  /** Settles events and durable requests: its `onStart`, `onSuccess` and `onFailure`. Default: a {@link MessageSettlement}. */
  readonly settlement?: Settlement | undefined;
  /**
   * The `DeadLetters` of the application, where replays to the handler are to find the handlers of this server:
   * `app.get(DeadLetters)`. Replays to the subject need nothing.
   */
  readonly deadLetters?: DeadLetters | undefined;
  /**
   * The `JetStreamEvents` of the application, where `@OnJetStreamEvent` methods are to hear of the consumers of this server
   * too: `app.get(JetStreamEvents)`.
   */
  readonly jetStreamEvents?: JetStreamEvents | undefined;
  /**
   * How long `listen` may take on a connected server: streams and consumers are looked up and created, and what fails because
   * a cluster elects its leaders is tried again. The wait for a first server does not count. `Infinity`: no limit.
   * Default: that of the `JetStreamModule` whose connection it shares, or 60,000.
   */
  readonly bootTimeout?: number | undefined;
  /**
   * How long handlers in flight may take at shutdown; then events are given back, and requests called off. In an application
   * with a `JetStreamModule` it can only be shorter than the `shutdownTimeout` of the module, with which it runs. Default 10,000.
   */
  readonly shutdownTimeout?: number | undefined;
}
