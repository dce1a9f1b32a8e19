import type { INestApplicationContext } from '@nestjs/common';
import { DiscoveryService, ModulesContainer } from '@nestjs/core';
import { type DescribedHandlers, describeHandlers } from '../../handlers/index.js';
import { JetStreamService } from '../../jetstream/index.js';
import { JETSTREAM_TRANSPORT, JetStreamServer } from '../../microservice/index.js';
import {
  FeatureDeclaration,
  getModuleOptionsToken,
  type JetStreamModuleOptions,
} from '../../module/index.js';
import { type PatternMethod, patternMethods } from '../../nest/index.js';
import { System } from './systems.js';

type InstanceWrapper = ReturnType<DiscoveryService['getProviders']>[number];

/** A microservice, and the connection that it uses. */
export interface Service {
  readonly server: JetStreamServer | undefined;
  readonly system: System;
}

/** A method with patterns, and a service that serves it. */
export interface ServedPattern extends PatternMethod {
  readonly target: new (...args: never[]) => object;
  readonly service: Service;
}

/** Everything that a document describes, as it was found in an application. */
export interface Application {
  readonly systems: ReadonlyMap<string, System>;
  readonly handlers: DescribedHandlers;
  readonly patterns: readonly ServedPattern[];
}

/**
 * Reads an application without asking a server.
 *
 * @param microservices further servers, which the application does not know
 * @throws {@link HandlerConfigurationError}
 */
export async function readApplication(
  app: INestApplicationContext,
  microservices: readonly JetStreamServer[],
): Promise<Application> {
  const modules = app.get(ModulesContainer, { strict: false });
  const discovery = new DiscoveryService(modules);
  const handlers = await describeHandlers(app, discovery);
  const systems = new Map<string, System>();
  for (const connection of handlers.connections) {
    const { connection: source, jetstream } = optionsOf(discovery, connection.name);
    systems.set(connection.name, System.ofModule(connection, source, jetstream?.domain));
  }
  for (const feature of featuresOf(discovery)) {
    for (const each of feature.declarations) systems.get(each.connection)?.declare(each);
  }
  const servers = [...new Set([...serversOf(modules), ...microservices])];
  const services = servers.map((server) => serviceOf(server, systems));
  return { systems, handlers, patterns: patternsOf(discovery, services, systems) };
}

function optionsOf(discovery: DiscoveryService, connection: string): JetStreamModuleOptions {
  const token = getModuleOptionsToken(connection);
  const found = discovery.getProviders().find((wrapper) => wrapper.token === token);
  return (found?.instance as JetStreamModuleOptions | undefined) ?? {};
}

function featuresOf(discovery: DiscoveryService): readonly FeatureDeclaration[] {
  const instances = discovery.getProviders().map((wrapper): unknown => wrapper.instance);
  return instances.filter((instance) => instance instanceof FeatureDeclaration);
}

/** The servers given to `createMicroservice` and `connectMicroservice`. */
function serversOf(modules: ModulesContainer): readonly JetStreamServer[] {
  const servers: JetStreamServer[] = [];
  // Nest 11 before 11.1.5 has no registry.
  const registry = (modules as Partial<ModulesContainer>).getRpcTargetRegistry?.<unknown>();
  const subscription = registry?.subscribe((target) => {
    if (target instanceof JetStreamServer) servers.push(target);
  });
  subscription?.unsubscribe();
  return servers;
}

/** A service uses the connection of a module, or opens one of its own. */
function serviceOf(server: JetStreamServer, systems: Map<string, System>): Service {
  const { connection, name, streams = [] } = server.definition;
  const shared = connection instanceof JetStreamService ? connection.connection.name : undefined;
  let system = shared === undefined ? undefined : systems.get(shared);
  if (system === undefined) {
    system = System.ofServer(server);
    systems.set(unusedName(name, systems), system);
  }
  for (const stream of streams) system.declareStream(stream);
  return { server, system };
}

/** A service may have the name of a connection. */
function unusedName(name: string, systems: ReadonlyMap<string, System>): string {
  let unused = name;
  for (let number = 2; systems.has(unused); number++) unused = `${name}-${number}`;
  return unused;
}

function patternsOf(
  discovery: DiscoveryService,
  services: readonly Service[],
  systems: Map<string, System>,
): readonly ServedPattern[] {
  let unknown: Service | undefined;
  /** The patterns of an application whose server is not known belong to its default connection. */
  const unknownService = (): Service => {
    const [first] = systems.values();
    const system = systems.get('default') ?? first ?? System.unknown();
    if (first === undefined) systems.set(system.name, system);
    return (unknown ??= { server: undefined, system });
  };
  return classesOf(discovery.getControllers()).flatMap((target) =>
    patternMethods(target).flatMap((method): readonly ServedPattern[] => {
      const serving = services.filter(({ server }) => isServedBy(method, server?.transportId));
      if (serving.length > 0) return serving.map((service) => ({ ...method, target, service }));
      const isOurs = services.length === 0 && isServedBy(method, JETSTREAM_TRANSPORT);
      return isOurs ? [{ ...method, target, service: unknownService() }] : [];
    }),
  );
}

function isServedBy({ transport }: PatternMethod, id: unknown): boolean {
  return transport === undefined || transport === id;
}

function classesOf(wrappers: readonly InstanceWrapper[]): readonly ServedPattern['target'][] {
  const classes = wrappers.map(({ metatype }) => metatype).filter((type) => typeof type === 'function');
  return [...new Set(classes as ServedPattern['target'][])];
}
