import { Logger } from '@nestjs/common';
import type { ConfigurationProblem } from '../../consuming/index.js';
import { coverageOf, type FeatureMessages, type MessageContract } from '../../contracts/index.js';
import { errorText } from '../../reporting/index.js';
import { handlerName } from '../compile/index.js';
import type { Findings } from '../discovery/index.js';
import type { HandlerConnection } from '../handler-connection.js';
import type { ConsumerPlan } from './consumer-plan.js';
import { noStream } from './message-source.js';
import { readPublishTargets } from './publish-targets.js';

const logger = new Logger('JetStreamModule');

/** A use of a contract in an application. */
interface Use {
  readonly contract: MessageContract;
  /** The handler, or the publisher. */
  readonly place: string;
}

/** A use that publishes. */
interface Publishing extends Use {
  readonly connection: HandlerConnection;
}

/**
 * Checks the contracts of an application: their names are unique, the packages of their schemas are installed, and a
 * stream stores what is published.
 *
 * @param features the messages that modules publish
 * @throws {@link PackageNotInstalledError}; {@link InvalidArgumentError} if a class has no decorators
 */
export async function checkMessages(
  findings: Findings,
  plans: readonly ConsumerPlan[],
  features: readonly FeatureMessages[],
  connections: ReadonlyMap<string, HandlerConnection>,
): Promise<readonly ConfigurationProblem[]> {
  const publishing = [
    ...features.flatMap((feature) => usesOfFeature(feature, connections)),
    ...plans.flatMap((plan) => usesOfTargets(plan, connections)),
  ];
  const uses = [...publishing, ...usesOfHandlers(findings)];
  await Promise.all([...new Set(uses.map(({ contract }) => contract))].map((contract) => contract.prepare()));
  const unstored = await Promise.all(eachOnce(publishing).map((use) => checkStream(use)));
  return [
    ...sharedNames(uses),
    ...findings.consumers.flatMap(sameFilters),
    ...features.flatMap(sharedSubjects(features)),
    ...unstored.flat(),
  ];
}

function usesOfFeature(
  { connection: name, contracts }: FeatureMessages,
  connections: ReadonlyMap<string, HandlerConnection>,
): readonly Publishing[] {
  const connection = connections.get(name);
  return connection
    ? contracts.map((contract) => ({ contract, place: publisherName(contract), connection }))
    : [];
}

function publisherName({ name }: MessageContract): string {
  return `the publisher of "${name}"`;
}

/** The messages that `@PublishTo` publishes. */
function usesOfTargets(
  { methods, connection: own }: ConsumerPlan,
  connections: ReadonlyMap<string, HandlerConnection>,
): readonly Publishing[] {
  return methods.flatMap(({ method }) =>
    readPublishTargets(method.callback).targets.flatMap(({ contract, options }): readonly Publishing[] => {
      const connection = targetOf(options.connection ?? own.name, own, connections);
      return contract === undefined ? [] : [{ contract, place: handlerName(method), connection }];
    }),
  );
}

/** A handler that is not started must not ask the server for its targets either. */
function targetOf(
  name: string,
  own: HandlerConnection,
  connections: ReadonlyMap<string, HandlerConnection>,
): HandlerConnection {
  const found = connections.get(name);
  if (found === undefined || name === own.name) return own;
  return own.jetstream.connection.isOpen ? found : found.withoutServer();
}

function usesOfHandlers({ consumers, subscriptions }: Findings): readonly Use[] {
  const consumed = consumers.flatMap(({ name, contracts, methods }) => [
    ...contracts.map((contract): Use => ({ contract, place: name })),
    ...methods.flatMap((method) =>
      method.contracts.map((contract): Use => ({ contract, place: handlerName(method) })),
    ),
  ]);
  const received = subscriptions.flatMap((each): readonly Use[] => {
    const { contract } = each.metadata;
    return contract === undefined ? [] : [{ contract, place: handlerName(each) }];
  });
  return [...consumed, ...received];
}

/** Different contracts with the same name. */
function sharedNames(uses: readonly Use[]): readonly ConfigurationProblem[] {
  const named = new Map<string, Use[]>();
  for (const use of uses) {
    const same = named.get(use.contract.name) ?? [];
    if (!same.some(({ contract }) => contract === use.contract)) same.push(use);
    named.set(use.contract.name, same);
  }
  return [...named.values()].flatMap(([first, ...others]) =>
    others.map(({ contract, place }) => ({
      handler: place,
      problem:
        `two messages are named "${contract.name}": one on "${contract.template}", and one on "${first.contract.template}" ` +
        `(${first.place}). Define the message once, or give one of them another name`,
    })),
  );
}

/** Contracts of one handler with the same subjects, of which only the first would apply. */
function sameFilters({ name, contracts }: Findings['consumers'][number]): readonly ConfigurationProblem[] {
  return contracts.flatMap((contract, i) => {
    const rival = contracts.slice(0, i).find((each) => each.filter === contract.filter);
    // Messages that also share their name are reported for that.
    if (rival === undefined || rival.name === contract.name) return [];
    const problem =
      `the messages "${rival.name}" and "${contract.name}" have the same subjects "${contract.filter}", so every message would be ` +
      'one of the first: consume only one of them, or distinguish them by their subjects';
    return [{ handler: name, problem }];
  });
}

/** Publishers whose injection tokens, which consist of connection and subject, are the same. */
function sharedSubjects(features: readonly FeatureMessages[]) {
  return ({ connection, contracts }: FeatureMessages, place: number): readonly ConfigurationProblem[] => {
    const before = features.slice(0, place).filter((each) => each.connection === connection);
    return contracts.flatMap((contract, i) => {
      const others = [...before.flatMap((each) => each.contracts), ...contracts.slice(0, i)];
      // Messages that also share their name are reported for that.
      const rival = others.find(
        ({ template, name }) => template === contract.template && name !== contract.name,
      );
      if (rival === undefined) return [];
      const problem =
        `has the same subject "${contract.template}" as ${publisherName(rival)}, so @InjectPublisher cannot distinguish them: ` +
        'publish only one of the messages on a connection';
      return [{ handler: publisherName(contract), problem }];
    });
  };
}

/** Each contract once per connection, without those of core NATS. */
function eachOnce(publishing: readonly Publishing[]): readonly Publishing[] {
  return publishing.filter(
    ({ contract, connection }, i) =>
      !contract.core &&
      publishing.findIndex((each) => each.contract === contract && each.connection === connection) === i,
  );
}

async function checkStream({
  contract,
  place,
  connection,
}: Publishing): Promise<readonly ConfigurationProblem[]> {
  const { name, filter } = contract;
  const found = await coverageOf(connection.jetstream, filter);
  switch (found.kind) {
    case 'covered':
      return [];
    case 'none':
      return [{ handler: place, problem: noStream(contract, connection.name, found.streams) }];
    // A message that no stream stores fails when it is published, so the application may start.
    case 'partly':
      logger.warn(
        `${place}: the streams ${found.streams.join(', ')} store only some messages of "${name}" ("${filter}"); others cannot be ` +
          'published',
      );
      return [];
    case 'unknown':
      logger.warn(
        `${place}: cannot check that a stream stores the message "${name}" ("${filter}"): ${errorText(found.error)}`,
      );
      return [];
  }
}
