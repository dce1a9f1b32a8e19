import type { DiscoveryService } from '@nestjs/core';
import { FeatureMessages, type MessageContract } from '../../contracts/index.js';
import { HandlerExplorer, readPublishTargets } from '../../handlers/index.js';
import { patternMethods } from '../../nest/index.js';
import { payloadOf } from '../document/index.js';

type Class = new (...args: never[]) => object;

/** The contracts of an application: of its publishers, of its handlers and their results, and of its patterns. */
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
  const results = consumers
    .flatMap(({ methods }) => methods)
    .flatMap(({ callback }) => readPublishTargets(callback).targets)
    .flatMap(({ contract }) => contract ?? []);
  const served = discovery
    .getControllers()
    .map(({ metatype }): unknown => metatype)
    .filter((type): type is Class => typeof type === 'function')
    .flatMap((target) => patternMethods(target).map((method) => payloadOf({ ...method, target })))
    .flatMap(({ contract }) => contract ?? []);
  return [...new Set([...published, ...consumed, ...subscribed, ...results, ...served])];
}
