import { type Codec, encodePayload } from '../codecs/index.js';
import { InvalidArgumentError, InvalidMessageError, JetStreamError } from '../errors/index.js';
import {
  type JetStreamService,
  type PubAck,
  type PubAckFuture,
  type PublishOptions,
  type Schedule,
} from '../jetstream/index.js';
import { errorText, isInstance, propertyOf } from '../reporting/index.js';
import { pendingThenable } from '../user-code/index.js';
import { checkObject } from '../validation/index.js';
import { CheckedPubAck } from './checked-pub-ack.js';
import type { MessageContract, ParamsOf, PayloadInputOf } from './message-contract.js';
import { schemaOutcome } from './standard-schema.js';

/** Whether a message is sent over core NATS. */
type IsCore<Contract extends MessageContract> = NonNullable<Contract['~types']>['core'];

/** A type for messages that a stream stores; `never` for those of core NATS. */
type IfStored<Contract extends MessageContract, T> = IsCore<Contract> extends true ? never : T;

/** Options of publishing a message of a contract; a message of core NATS has only `headers`. */
export type MessagePublishOptions<Contract extends MessageContract = MessageContract> =
  IsCore<Contract> extends true
    ? Pick<PublishOptions, 'headers'>
    : Omit<PublishOptions, 'codec' | 'schedule'>;

/** The result of publishing: the acknowledgement of the stream; nothing for a message of core NATS. */
export type PublishedOf<Contract extends MessageContract> = IsCore<Contract> extends true ? void : PubAck;

/** When the server publishes a message, and the subject that holds the schedule. */
export type MessageSchedule = EachWithoutTarget<Schedule> & {
  /** The subject of the schedule, which holds one schedule; of the same stream as the message. */
  readonly subject: string;
};

type EachWithoutTarget<Each> = Each extends unknown ? Omit<Each, 'target'> : never;

const NONE = {};

/** Options of `JetStreamService.publish` that a contract decides, with what to use in their place. */
const DECIDED = [
  ['codec', 'set contentType in the definition of the message'],
  ['schedule', 'call the method schedule'],
] as const;

/**
 * Publishes the messages of one contract: it fills in the subject, validates the payload and encodes it. Provided by
 * `JetStreamModule.forFeature({ messages })`, and injected by `@InjectPublisher(contract)`.
 *
 * Every method has the parameters of the subject first, `{}` if it has none, and then the payload.
 */
export class MessagePublisher<Contract extends MessageContract = MessageContract> {
  /** @internal Created by the module. */
  constructor(
    /** The messages that it publishes. */
    readonly contract: Contract,
    private readonly jetstream: JetStreamService,
    /** The codec of the contract's media type. */
    private readonly codec: Codec | undefined,
  ) {}

  /**
   * Publishes a message, and resolves when a stream has stored it. A message of core NATS is sent to the current
   * subscribers; the promise then resolves at once, also while there is no link to a server and the message is lost.
   *
   * The payload is sent as it is given, not as the schema returns it: the schema of a handler converts it.
   *
   * @throws {@link InvalidMessageError} if the payload does not match the schema
   * @throws {@link InvalidArgumentError} if a parameter is not one token of a subject, or an option is invalid
   * @throws the errors of {@link JetStreamService.publish}
   */
  async publish(
    params: ParamsOf<Contract>,
    payload: PayloadInputOf<Contract>,
    options: MessagePublishOptions<Contract> = NONE,
  ): Promise<PublishedOf<Contract>> {
    refuseDecided(options);
    const subject = this.contract.subject(params);
    const pending = this.check(subject, payload);
    if (pending !== undefined) await pending;
    const data = this.dataOf(subject, payload);
    const complete = this.complete(options);
    if (this.contract.core) {
      const { connection } = this.jetstream;
      if (!connection.isReady) await connection.opened({});
      return this.jetstream.sendToSubscribers({ subject, data }, complete) as PublishedOf<Contract>;
    }
    return this.jetstream.publish(subject, data, complete) as Promise<PublishedOf<Contract>>;
  }

  /**
   * Publishes a message without waiting; see {@link JetStreamService.publishAsync}. If its schema validates
   * asynchronously, as that of a class does, the message is sent after that, and `ack` rejects if it is invalid.
   *
   * @throws {@link InvalidMessageError} if the payload does not match the schema
   * @throws {@link InvalidArgumentError} if a parameter or option is invalid, or the message is one of core NATS
   * @throws the errors of {@link JetStreamService.publishAsync}
   */
  publishAsync(
    params: IfStored<Contract, ParamsOf<Contract>>,
    payload: PayloadInputOf<Contract>,
    options: MessagePublishOptions<Contract> = NONE,
  ): PubAckFuture {
    this.requireStream('publishAsync');
    refuseDecided(options);
    const subject = this.contract.subject(params);
    const complete = this.complete(options);
    const send = (): PubAckFuture =>
      this.jetstream.publishAsync(subject, this.dataOf(subject, payload), complete);
    const pending = this.check(subject, payload);
    return pending ? new CheckedPubAck({ subject, data: payload }, pending.then(send)) : send();
  }

  /**
   * Makes the server publish a message later: once `at` a time, `every` number of milliseconds, or by a `cron`
   * expression. `schedule.subject` holds the schedule; its stream must have `allowMessageSchedules`, and also listen on
   * the subject of the message. nats-server 2.12 (`at`), 2.14 (the others).
   *
   * @returns the acknowledgement of the schedule
   * @throws the errors of {@link publish}; {@link StreamFeatureDisabledError}, {@link UnsupportedServerFeatureError}
   */
  async schedule(
    params: IfStored<Contract, ParamsOf<Contract>>,
    payload: PayloadInputOf<Contract>,
    schedule: MessageSchedule,
    options: MessagePublishOptions<Contract> = NONE,
  ): Promise<PubAck> {
    this.requireStream('schedule');
    const target = this.contract.subject(params);
    checkObject('schedule', schedule);
    checkObject('options', options);
    refuseDecided(options);
    const { subject, ...when } = schedule;
    await this.check(target, payload);
    const complete = { ...this.complete(options), schedule: { ...when, target } as Schedule };
    return this.jetstream.publish(subject, this.dataOf(target, payload), complete);
  }

  /** @internal Publishes the result of a handler, with a subject that is known to be valid. */
  async publishTo(subject: string, payload: unknown, options: PublishOptions): Promise<void> {
    await this.check(subject, payload);
    await this.jetstream.publish(subject, this.dataOf(subject, payload), this.complete(options));
  }

  /**
   * @internal Validates and encodes a message that is sent by other means.
   *
   * @throws {@link InvalidMessageError}, {@link InvalidArgumentError}, {@link PayloadEncodingError}
   */
  async prepare(
    params: ParamsOf<Contract>,
    payload: PayloadInputOf<Contract>,
  ): Promise<{
    readonly subject: string;
    readonly data: Uint8Array;
    readonly contentType: string | undefined;
  }> {
    const subject = this.contract.subject(params);
    await this.check(subject, payload);
    const codec: Codec = this.codec ?? this.jetstream.declarations.codecOfSubject(subject);
    return { subject, data: encodePayload<unknown>(codec, payload), contentType: this.codec?.contentType };
  }

  /** Validates a payload; returns a promise if the schema does. */
  private check(subject: string, payload: unknown): Promise<void> | undefined {
    const schema = this.contract.publishSchema;
    if (schema === undefined) return undefined;
    let result: unknown;
    try {
      result = schema['~standard'].validate(payload);
    } catch (cause) {
      return this.failed(cause);
    }
    const pending = pendingThenable(result);
    if (pending === undefined) return this.accept(subject, result);
    return pending.then(
      (given) => this.accept(subject, given),
      (cause: unknown) => this.failed(cause),
    );
  }

  /** A schema that fails is wrong itself; the payload may be valid. */
  private failed(cause: unknown): never {
    if (isInstance(cause, JetStreamError)) throw cause;
    const problem = `the schema of the message "${this.contract.name}" failed: ${errorText(cause)}`;
    throw new InvalidArgumentError('schema', problem, { cause });
  }

  private accept(subject: string, result: unknown): undefined {
    const { problem } = schemaOutcome(result);
    if (problem !== undefined) throw new InvalidMessageError(this.contract.name, subject, problem);
  }

  /** A string is encoded too, unlike with `JetStreamService.publish`, so that handlers decode it with the same codec. */
  private dataOf(subject: string, payload: unknown): unknown {
    if (typeof payload !== 'string') return payload;
    return encodePayload<unknown>(this.codec ?? this.jetstream.declarations.codecOfSubject(subject), payload);
  }

  /** The options with the codec of the contract, which adds the `Content-Type` header. */
  private complete(options: PublishOptions): PublishOptions {
    if (this.codec === undefined) return options;
    checkObject('options', options);
    return { ...options, codec: this.codec };
  }

  private requireStream(method: string): void {
    if (!this.contract.core) return;
    throw new InvalidArgumentError(
      'contract',
      `the message "${this.contract.name}" is one of core NATS, which ${method} does not support. Use publish`,
    );
  }
}

/** TypeScript refuses these options. @throws {@link InvalidArgumentError} */
function refuseDecided(options: object): void {
  if (options === NONE) return;
  const found = DECIDED.find(([name]) => propertyOf(options, name) !== undefined);
  if (found === undefined) return;
  const [name, advice] = found;
  throw new InvalidArgumentError(`options.${name}`, `the contract decides about it: ${advice}`);
}
