import {
  type MessageContract,
  type ParamsOf,
  type PayloadOf,
  schemaOutcome,
} from '../../../contracts/index.js';
import type {
  DeadLetteredMessage,
  DeadLetteredMessageOf,
  HandledMessage,
  HandledMessageOf,
} from '../flow.js';

/** A delivery as a handler of the contract received it. */
export async function handledOf<Contract extends MessageContract>(
  contract: Contract,
  message: HandledMessage,
): Promise<HandledMessageOf<Contract>> {
  const params = contract.parse(message.subject) as ParamsOf<Contract>;
  const payload = (await outputOf(contract, message.payload)) as PayloadOf<Contract>;
  return { ...message, params, payload };
}

/** A dead letter with the parameters in its subject. */
export function deadLetterOf<Contract extends MessageContract>(
  contract: Contract,
  letter: DeadLetteredMessage,
): DeadLetteredMessageOf<Contract> {
  return { ...letter, params: contract.parse(letter.subject) };
}

/** The output of the schema; the payload itself if the schema refuses it, or fails. */
async function outputOf(contract: MessageContract, payload: unknown): Promise<unknown> {
  const schema = contract.consumeSchema;
  if (schema === undefined) return payload;
  try {
    await contract.prepare();
    const outcome = schemaOutcome(await schema['~standard'].validate(payload));
    return outcome.problem === undefined ? outcome.value : payload;
  } catch {
    // The handler had the same error, which is part of the delivery.
    return payload;
  }
}
