import { Injectable, Logger } from '@nestjs/common';
import { Subject, type Observable } from 'rxjs';
import { FencedObservable, UserCalls } from '../../user-code/index.js';
import { oneOf } from '../../validation/index.js';
import { finalResult } from '../results/index.js';

interface About<Type extends string> {
  readonly type: Type;
  /** The name of the connection. */
  readonly connection: string;
  readonly time: Date;
}

interface AboutHandler<Type extends string> extends About<Type> {
  /** The class and method. */
  readonly handler: string;
  /** The source of the handler: a stream or a bucket. */
  readonly source: string;
}

/**
 * Events of connections and handlers, other than messages.
 *
 * - `connected`: a connection with `connect: 'lazy'` was opened
 * - `disconnected`, `reconnected`, `closed`: the connection
 * - `permission-denied`: the connection's user may not publish or subscribe to something; reported at most once a
 *   minute
 * - `consumer-lost`: a consumer or its stream, or a watched bucket, was deleted; it is created again if possible
 * - `consumer-recovered`: the lost consumer was created again and is read
 * - `resource-recreated`: a declared stream or bucket was lost in a restart of the server, or deleted, and was created
 *   again without its content
 * - `watch-initialized`: a watch has handled all values that its bucket had at the start of the handler, or after the
 *   bucket was created again; with `updatesOnly`, the watch is active
 * - `bucket-recreated`: a watched bucket was deleted and created again, or lost its newest entries in a crash: the handler
 *   gets its values from the start, and what it derived from earlier ones does not apply any more
 * - `handler-interrupted`: missed heartbeats, a new leader, a refused request: the handler recovers by itself
 * - `handler-paused`, `handler-resumed`, `handler-stopped`, `handler-started`: through {@link Handlers}
 * - `handler-controlled`: another client sent a command for a handler (option `discovery.control`), which is executed next.
 *   `by` is what the client says about itself; it is not verified
 * - `circuit-opened`, `circuit-closed`: the circuit breaker of a handler
 * - `board-action`: a person used the board (`JetStreamBoardModule`) of this instance to change or download something, or
 *   was refused; refusals of one kind once a minute
 */
export type JetStreamEvent =
  | About<'connected'>
  | About<'disconnected'>
  | About<'reconnected'>
  | (About<'closed'> & { readonly error?: Error })
  | (About<'permission-denied'> & { readonly error: Error })
  | (AboutHandler<'consumer-lost'> & { readonly error: Error })
  | AboutHandler<'consumer-recovered'>
  | (About<'resource-recreated'> & {
      readonly resource: 'stream' | 'key-value' | 'object-store';
      /** The name of the stream or bucket. */
      readonly name: string;
    })
  | AboutHandler<'watch-initialized'>
  | AboutHandler<'bucket-recreated'>
  | (AboutHandler<'handler-interrupted'> & { readonly error: Error })
  | AboutHandler<'handler-paused'>
  | AboutHandler<'handler-resumed'>
  | AboutHandler<'handler-stopped'>
  | AboutHandler<'handler-started'>
  | (AboutHandler<'handler-controlled'> & {
      readonly action: 'pause' | 'resume' | 'stop' | 'start';
      readonly by: string | undefined;
    })
  | AboutHandler<'circuit-opened'>
  | AboutHandler<'circuit-closed'>
  | (About<'board-action'> & {
      /** Such as `replay`, or `download`. */
      readonly action: string;
      /** For example `stream=ORDERS, consumer=billing`. */
      readonly target: string;
      /** The name of the caller, if the option `access` or `request.user` has one. */
      readonly by: string | undefined;
      readonly outcome: 'done' | 'refused' | 'failed';
      /** Why it was refused, or has failed. */
      readonly reason: string | undefined;
    });

const TYPES: Readonly<Record<JetStreamEvent['type'], true>> = {
  connected: true,
  disconnected: true,
  reconnected: true,
  closed: true,
  'permission-denied': true,
  'consumer-lost': true,
  'consumer-recovered': true,
  'resource-recreated': true,
  'watch-initialized': true,
  'bucket-recreated': true,
  'handler-interrupted': true,
  'handler-paused': true,
  'handler-resumed': true,
  'handler-stopped': true,
  'handler-started': true,
  'handler-controlled': true,
  'circuit-opened': true,
  'circuit-closed': true,
  'board-action': true,
};

/** Validates the type of an event. */
export const JETSTREAM_EVENT_TYPES = oneOf(Object.keys(TYPES));

/** Publishes {@link JetStreamEvent}s; `@OnJetStreamEvent` methods receive them too. */
@Injectable()
export class JetStreamEvents {
  private readonly calls = new UserCalls(new Logger(JetStreamEvents.name));
  private readonly subject = new Subject<JetStreamEvent>();

  /** All events from now on. */
  readonly all: Observable<JetStreamEvent> = new FencedObservable(
    (observer) => this.subject.subscribe(observer),
    this.calls,
    'A subscriber of JetStreamEvents.all',
  );

  /** @internal */
  emit(event: JetStreamEvent): void {
    this.subject.next(event);
  }

  /** @internal Calls a handler for events of some types; its errors are logged. */
  listen(
    types: readonly JetStreamEvent['type'][],
    handler: string,
    call: (event: JetStreamEvent) => unknown,
  ): void {
    this.subject.subscribe((event) => {
      if (types.length > 0 && !types.includes(event.type)) return;
      this.calls.call(`${handler}, called on "${event.type}",`, () => finalResult(call(event)));
    });
  }

  /** @internal */
  complete(): void {
    this.subject.complete();
  }
}
