import type { DiscoveryService } from '@nestjs/core';
import { FeatureMessages } from '../contracts/index.js';
import { HandlerExplorer } from './discovery/index.js';
import type { HandlerConnection } from './handler-connection.js';
import { JetStreamConnections } from './jetstream-connections.js';
import { HandlerPlanner, type HandlerPlans, OptionsResolver, type Providers } from './planning/index.js';

/** All handlers of an application with their options, and the messages that its modules publish. */
export interface DescribedHandlers {
  readonly connections: readonly HandlerConnection[];
  readonly plans: HandlerPlans;
  readonly features: readonly FeatureMessages[];
}

/**
 * Plans all handlers as the startup does, without a server: checks that need one are skipped, and streams that only the
 * server knows are missing. Factories of options are called again.
 *
 * @throws {@link HandlerConfigurationError} with all mistakes at once
 */
export async function describeHandlers(
  providers: Providers,
  discovery: DiscoveryService,
): Promise<DescribedHandlers> {
  const connections = new JetStreamConnections(discovery).all().map((each) => each.withoutServer());
  const byName = new Map(connections.map((each) => [each.name, each]));
  const instances = discovery.getProviders().map((wrapper): unknown => wrapper.instance);
  const features = instances.filter((instance) => instance instanceof FeatureMessages);
  const planner = new HandlerPlanner(byName, new OptionsResolver(providers, byName), { all: true });
  const plans = await planner.plan(new HandlerExplorer(discovery).explore(), features);
  return { connections, plans, features };
}
