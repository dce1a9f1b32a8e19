import type { DiscoveryService } from '@nestjs/core';
import { FeatureMessages, type MessageContract } from '../../contracts/index.js';
import { HandlerExplorer } from '../../handlers/index.js';

/** The contracts of an application: of its publishers, and of its handlers. */
export function contractsOf(discovery: DiscoveryService): readonly MessageContract[] {
  const published = discovery
    .getProviders()
    .map((wrapper): unknown => wrapper.instance)
    .filter((instance) => instance instanceof FeatureMessages)
    .flatMap(({ contracts }) => contracts);
  const { consumers, subscriptions } = new HandlerExplorer(discovery).explore();
  const consumed = consumers.flatMap(({ contracts, methods }) => [
    ...contracts,
    ...methods.flatMap((method) => method.contracts),
  ]);
  const subscribed = subscriptions.flatMap(({ metadata }) => metadata.contract ?? []);
  return [...new Set([...published, ...consumed, ...subscribed])];
}
