import type { MessageHandler } from '@nestjs/microservices';
import {
  type CompiledHandler,
  isSettlementError,
  type SettlementPolicy,
  verdictOn,
} from '../../consuming/index.js';
import type { JetStreamMessage } from '../../jetstream/index.js';
import { isInstance } from '../../reporting/index.js';
import { JetStreamEventContext } from '../context/index.js';
import type { CallPacket } from '../packets/index.js';
import { answer, errorForPacket, type ProcessingHooks, UNKNOWN_ERROR, runInHooks } from '../serving/index.js';
import { type AnswerDeliveries, AnswerDelivery } from './answer-delivery.js';
import type { MessageReader } from './message-reader.js';
import { isAnswer, toSettlementError } from './settlement-error.js';

/**
 * Handles the requests of a stream with Nest's pipeline, and answers them before they are acknowledged. An
 * `RpcException` is a normal answer. After any other error the handler is called again, and the error is sent as the
 * answer when no delivery is left.
 */
export function requestHandler(
  handler: MessageHandler,
  reader: MessageReader,
  policy: SettlementPolicy,
  hooks: ProcessingHooks | undefined,
  deliveries: AnswerDeliveries,
): CompiledHandler<JetStreamMessage> {
  const handle = async (
    packet: CallPacket,
    context: JetStreamEventContext,
    answers: Answers,
  ): Promise<void> => {
    const result: unknown = await handler(packet.data, context);
    await answers.all(result);
  };
  return async (message) => {
    const answers = new Answers(new AnswerDelivery(deliveries, message));
    try {
      const packet = reader.read(message);
      answers.id = packet.id;
      const context = new JetStreamEventContext(message, policy, packet);
      const run = (): Promise<void> => handle(packet, context, answers);
      if (!hooks) await run();
      else await runInHooks(hooks, context, run).finally(() => hooks.end(hooks.transportId, context));
    } catch (thrown) {
      if (isAnswer(thrown)) return answers.fail(errorForPacket(thrown));
      const error = toSettlementError(thrown);
      if (isLast(error, message, policy)) await answers.fail(disclosed(error, thrown));
      throw error;
    }
  };
}

/** The answers to one request. */
class Answers {
  /** Nest's number of the request. */
  id: string | undefined;

  constructor(private readonly delivery: AnswerDelivery) {}

  /** Resolves when all answers of the handler's result are sent; rejects with the error that ended it early. */
  all(result: unknown): Promise<void> {
    const { delivery, id } = this;
    return new Promise((resolve, reject) => {
      answer(result, {
        only: (response) => void delivery.sendLast({ response, id }).then(resolve),
        next: (response) => delivery.send({ response, id }),
        complete: () => void delivery.sendLast({ id }).then(resolve),
        fail: reject,
        failStopped: reject,
      });
    });
  }

  fail(err: unknown): Promise<void> {
    return this.delivery.sendLast({ err, id: this.id });
  }
}

/** Whether the request is not delivered again after this error. */
function isLast(error: Error, { metadata }: JetStreamMessage, policy: SettlementPolicy): boolean {
  return verdictOn(error, { number: metadata.deliveryCount, metadata }, policy).action !== 'retry';
}

/** The error that is sent to the caller: like Nest, it does not disclose internals of the service. */
function disclosed(error: Error, thrown: unknown): unknown {
  if (isSettlementError(error)) return errorForPacket(error);
  return isInstance(thrown, Error) ? UNKNOWN_ERROR : errorForPacket(thrown);
}
