import { isMessageContract, type MessageContract } from '../../../contracts/index.js';
import { InvalidArgumentError } from '../../../errors/index.js';
import type { HandlerConnection } from '../../../handlers/index.js';
import { nameText } from '../../../reporting/index.js';
import { checkObject } from '../../../validation/index.js';
import type { TestMessageOptions, TestPublishOptions } from '../kit-options.js';

/** A message that a test publishes. */
export interface Publication {
  readonly subject: string;
  readonly publish: () => Promise<unknown>;
}

/**
 * Reads the arguments of `JetStreamTestKit.publish`.
 *
 * @param args after a subject the payload and options; after a contract the parameters, the payload and options
 * @throws {@link InvalidArgumentError}
 */
export function publicationOf(
  connections: readonly HandlerConnection[],
  target: string | MessageContract,
  args: readonly unknown[],
): Publication {
  if (isMessageContract(target)) {
    const [params, payload, options = {}] = args;
    return ofContract(connections, target, params as never, payload, options as TestMessageOptions);
  }
  const [payload, options = {}] = args;
  return ofSubject(connections, target, payload, options as TestPublishOptions);
}

function ofSubject(
  connections: readonly HandlerConnection[],
  subject: string,
  payload: unknown,
  options: TestPublishOptions,
): Publication {
  checkObject('options', options);
  const { connection, core = false, ...publishing } = options;
  const { jetstream } = connectionNamed(connections, connection);
  return {
    subject: nameText(subject),
    publish: async () =>
      core
        ? jetstream.sendToSubscribers({ subject, data: payload }, publishing)
        : jetstream.publish(subject, payload, publishing),
  };
}

function ofContract(
  connections: readonly HandlerConnection[],
  contract: MessageContract,
  params: Readonly<Record<string, string>>,
  payload: unknown,
  options: TestMessageOptions,
): Publication {
  checkObject('options', options);
  const { connection, ...publishing } = options;
  const publisher = connectionNamed(connections, connection).publisherOf(contract);
  return {
    subject: contract.subject(params),
    publish: async () => {
      await contract.prepare();
      return publisher.publish(params, payload, publishing);
    },
  };
}

function connectionNamed(connections: readonly HandlerConnection[], name = 'default'): HandlerConnection {
  const found = connections.find((each) => each.name === name);
  if (found !== undefined) return found;
  const known = connections.map((each) => `"${each.name}"`).join(', ');
  throw new InvalidArgumentError(
    'connection',
    `there is no connection "${name}"; those of the application are ${known}`,
  );
}
