import type { MessageContract, ParamsOf, PayloadOf } from '../../contracts/index.js';
import type { Outcome } from '../../instruments/index.js';

/** One delivery of a message or entry to a handler of the application. */
export interface HandledMessage {
  /** The class and method, such as `Billing.onPlaced`. */
  readonly handler: string;
  /** The subject of a message, the key of an entry, or the name of an object. */
  readonly subject: string;
  /** The decoded payload: as text or bytes if no codec of the application can decode it. */
  readonly payload: unknown;
  readonly outcome: Outcome;
  /** Whether the handler failed, or the payload could not be decoded. */
  readonly failed: boolean;
  /** The error of the handler. */
  readonly error?: unknown;
  /** Why the message was terminated or became a dead letter. */
  readonly reason?: string | undefined;
  /** The number of this delivery, from 1. */
  readonly deliveryCount: number;
  /** From the call of the handler until the message was settled, in milliseconds. */
  readonly duration: number;
}

/** A message that the application published. */
export interface PublishedMessage {
  readonly subject: string;
  /** The payload as it was encoded, decoded again. */
  readonly payload: unknown;
  /** The stream that stored it; `undefined` for core NATS, or if the publish failed. */
  readonly stream?: string | undefined;
  readonly sequence?: number | undefined;
  /** The error of the publish, if it failed. */
  readonly error?: unknown;
}

/** A message that became a dead letter. */
export interface DeadLetteredMessage {
  readonly handler: string;
  readonly subject: string;
  readonly payload: unknown;
  readonly reason: string;
  readonly error?: unknown;
  readonly deliveryCount: number;
}

/** One delivery of a message of a contract. */
export interface HandledMessageOf<Contract extends MessageContract> extends HandledMessage {
  /** The parameters in its subject. */
  readonly params: ParamsOf<Contract>;
  /**
   * The payload as handlers of the contract receive it: the output of its schema. If the schema refuses the payload, so that no
   * handler received it, it is given as it was decoded.
   */
  readonly payload: PayloadOf<Contract>;
}

/** A message of a contract that became a dead letter. */
export interface DeadLetteredMessageOf<Contract extends MessageContract> extends DeadLetteredMessage {
  /** The parameters in its subject. */
  readonly params: ParamsOf<Contract>;
}

/** Everything that a message caused: the messages that were published because of it, and how handlers ended. */
export interface TestFlow {
  /** Each delivery, in the order in which they ended. A message that was retried has several. */
  readonly handled: readonly HandledMessage[];
  readonly published: readonly PublishedMessage[];
  readonly deadLettered: readonly DeadLetteredMessage[];
}

/** Selects deliveries; all given properties must match. */
export interface HandledMatcher {
  readonly handler?: string | undefined;
  /** A subject, in which wildcards are allowed, or a contract, whose messages match. */
  readonly subject?: string | MessageContract | undefined;
  /** A payload as it was decoded, or a part of it: properties that are not given are ignored. */
  readonly payload?: unknown;
  /** Default: any outcome of a handler that did not fail, after which the message is not delivered again. */
  readonly outcome?: Outcome | undefined;
  readonly deliveryCount?: number | undefined;
}

/** A delivery that is expected. */
export interface ExpectedHandled extends Omit<HandledMatcher, 'handler'> {
  /** How many deliveries match. Default: at least one. */
  readonly times?: number | undefined;
}

/** Selects dead letters; all given properties must match. */
export interface DeadLetterMatcher {
  readonly handler?: string | undefined;
  /** A subject, in which wildcards are allowed, or a contract, whose messages match. */
  readonly subject?: string | MessageContract | undefined;
  readonly payload?: unknown;
  readonly reason?: string | undefined;
}

/** Selects messages of a contract by the parameters in their subject, all or some of them. */
export interface ParamsMatcher<Contract extends MessageContract = MessageContract> {
  /** Parameters, such as `{ id: '7' }`; those that are not given are ignored. */
  readonly params?:
    { readonly [Name in keyof ParamsOf<Contract>]?: ParamsOf<Contract>[Name] | undefined } | undefined;
}
