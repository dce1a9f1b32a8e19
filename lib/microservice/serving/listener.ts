import type { MessageHandler } from '@nestjs/microservices';
import type { Msg, Subscription } from '@nats-io/transport-node';
import { encodePayload } from '../../codecs/index.js';
import type { HandlerObserver } from '../../instruments/index.js';
import { printable } from '../../reporting/index.js';
import { JetStreamRequestContext } from '../context/index.js';
import type { CallPacket, PacketReader } from '../packets/index.js';
import type { CallLimit } from './call-limit.js';
import { errorText } from './handler-error.js';
import { runInHooks, type ProcessingHooks } from './processing-hooks.js';
import { replySubjectOf, ServedCall, type ServingContext } from './served-call.js';

/** A handler with the limit of its calls, if there is one. */
export interface ServedHandler {
  readonly handler: MessageHandler;
  readonly limit?: CallLimit | undefined;
}

/** The plan of a core NATS subscription: requests, and events that no stream stores. */
export interface ListenerPlan {
  /** The subject; wildcards are allowed. */
  readonly pattern: string;
  readonly form: 'event' | 'request';
  /** The group in which instances share the messages; without it each instance receives all. */
  readonly queue: string | undefined;
  /** Returns the handler for a message, by its subject. */
  readonly handlerOf: (subject: string) => ServedHandler;
}

/** Subscribes to one pattern and calls its handlers. */
export class Listener {
  private subscription: Subscription | undefined;

  constructor(
    private readonly plan: ListenerPlan,
    private readonly serving: ServingContext,
    private readonly reader: PacketReader,
    private readonly hooks: ProcessingHooks | undefined,
    /** Passes the messages to instruments, if any is interested. */
    private readonly observer: HandlerObserver | undefined,
  ) {}

  start(): void {
    const { pattern, queue } = this.plan;
    this.subscription = this.serving.connection.wire.subscribe(pattern, {
      queue,
      callback: (error, message) => {
        if (error) this.serving.onError(`Cannot listen on "${pattern}": ${errorText(error)}`);
        else this.receive(message);
      },
    });
  }

  /**
   * Stops receiving; messages that were already delivered are still handled. It ends only when the server has confirmed
   * it.
   */
  async stop(): Promise<void> {
    if (!this.subscription || this.subscription.isClosed()) return;
    // A drain fails only if the connection is closed.
    await this.subscription.drain().catch(() => undefined);
  }

  /** Called by the parser of the link. */
  private receive(message: Msg): void {
    let packet: CallPacket;
    try {
      packet = this.reader.read(message);
    } catch (error) {
      return this.refuse(message, error);
    }
    try {
      this.handle(message, packet);
    } catch (error) {
      this.serving.onError(
        `A message on "${printable(message.subject)}" was not handled: ${errorText(error)}`,
      );
    }
  }

  private handle(message: Msg, packet: CallPacket): void {
    const { handler, limit } = this.plan.handlerOf(message.subject);
    const context = new JetStreamRequestContext(message, packet);
    const call = new ServedCall(this.serving, message, packet.id, context);
    if (this.observer !== undefined) observeCall(this.observer, message, call);
    if (limit === undefined) void this.begin(handler, packet, context, call);
    else this.beginWithin(limit, handler, packet, context, call);
  }

  private begin(
    handler: MessageHandler,
    packet: CallPacket,
    context: JetStreamRequestContext,
    call: ServedCall,
  ): Promise<unknown> {
    const { hooks } = this;
    const handle = (): Promise<unknown> => handler(packet.data, context);
    const { observer } = this;
    const run = observer === undefined ? handle : () => observer.call([call.message], handle);
    if (hooks) call.onEnd = () => hooks.end(hooks.transportId, context);
    // Calls start in the turn of the socket, or of another call that has ended. Nest's interceptors run when the
    // handler's result is subscribed to, so that the subscription must be inside the scope too.
    return this.serving.scope.run(
      (whole) => {
        const result = start(whole);
        result.then(call.settle, call.fail);
        return result;
      },
      hooks ? () => runInHooks(hooks, context, run) : run,
    );
  }

  /**
   * Starts a call when its limit allows it. The call keeps its slot until it and its handler have ended, even if it was
   * cancelled.
   */
  private beginWithin(
    limit: CallLimit,
    handler: MessageHandler,
    packet: CallPacket,
    context: JetStreamRequestContext,
    call: ServedCall,
  ): void {
    const admitted = limit.admit(call, () => {
      const handled = this.begin(handler, packet, context, call);
      const { onEnd } = call;
      const ended = new Promise<void>((resolve) => {
        call.onEnd = () => {
          onEnd?.();
          resolve();
        };
      });
      void Promise.allSettled([handled, ended]).then(() => limit.leave());
    });
    if (admitted) return;
    call.turnAway();
    if (!limit.isFirstRefusal()) return;
    this.serving.onError(
      `Requests on "${context.subject}" are rejected: ${limit.maxPending} (maxPending) are already waiting. Raise ` +
        'concurrency or maxPending, or start more instances.',
    );
  }

  /**
   * A message that cannot be read has no request number, so its caller gets an answer without one, which Nest's clients
   * accept.
   */
  private refuse(message: Msg, error: unknown): void {
    const { connection, codec, onError } = this.serving;
    const problem = errorText(error);
    onError(`A message on "${printable(message.subject)}" is not handled: ${problem}`);
    this.observer?.ended(message, { outcome: 'failed', failed: true, error, duration: 0 });
    const reply = replySubjectOf(message, this.serving);
    if (reply === undefined) return;
    try {
      const packet = { err: { status: 'error', message: problem }, isDisposed: true };
      connection.post(reply, encodePayload(codec, packet), { purpose: 'an answer' });
    } catch (thrown) {
      onError(`The answer to "${printable(message.subject)}" cannot be encoded: ${errorText(thrown)}`);
    }
  }
}

/** Reports the start and the end of a call to the instruments of its handler. */
function observeCall(observer: HandlerObserver, message: Msg, call: ServedCall): void {
  const startedAt = performance.now();
  const isRequest = message.reply !== undefined && message.reply !== '';
  observer.started(message);
  call.onOver = (failure) => {
    const duration = performance.now() - startedAt;
    const failed = failure !== undefined;
    const outcome = isRequest ? (failed ? 'failed' : 'answered') : failed ? 'skipped' : 'left';
    observer.ended(message, { outcome, failed, error: failure?.error, duration });
  };
}

/** Nest's handlers return promises; handlers that were registered directly may return a value, or throw. */
function start(run: () => Promise<unknown>): Promise<unknown> {
  try {
    return Promise.resolve(run());
  } catch (error) {
    return rejected(error);
  }
}

async function rejected(error: unknown): Promise<never> {
  throw error;
}
