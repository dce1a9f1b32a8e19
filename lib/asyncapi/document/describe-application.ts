import type { INestApplicationContext } from '@nestjs/common';
import { InvalidArgumentError } from '../../errors/index.js';
import { readPublishTargets } from '../../handlers/index.js';
import { SchemaDescriber } from '../schemas/index.js';
import { type Application, readApplication } from './application.js';
import type { AsyncApiDocument, AsyncApiInfo, AsyncApiServer } from './asyncapi-document.interface.js';
import type { AsyncApiOptions, AsyncApiServerOptions } from './asyncapi-options.interface.js';
import { Schemas, sorted, writeDrafts } from './document-writer.js';
import { Drafting } from './drafting.js';
import type { ServerExtension } from './extensions.interface.js';
import { HandlerOperations } from './handler-operations.js';
import { checkOptions } from './known-options.js';
import { PatternOperations } from './pattern-operations.js';
import { Payloads } from './payloads.js';
import { given, toJson } from './plain.js';
import { PublisherOperations } from './publisher-operations.js';
import type { System } from './systems.js';

const DEFAULT_CONTENT_TYPE = 'application/json';

/** Creates the document of an application; see {@link createAsyncApiDocument}. */
export async function describeApplication(
  app: INestApplicationContext,
  settings: AsyncApiOptions,
): Promise<AsyncApiDocument> {
  const options = checkOptions(settings);
  const application = await readApplication(app, options.microservices ?? []);
  const { systems } = application;
  checkServers(options.servers ?? {}, systems);
  const schemas = new Schemas();
  const describer = new SchemaDescriber(schemas);
  const drafting = new Drafting(systems);
  await draft(application, drafting, describer);
  const { channels, operations, messages } = await writeDrafts(drafting, describer);
  const document: AsyncApiDocument = {
    asyncapi: '3.0.0',
    ...(options.id === undefined ? {} : { id: options.id }),
    info: toJson(options.info) as AsyncApiInfo,
    defaultContentType: systems.get('default')?.contentTypeOf('>') ?? DEFAULT_CONTENT_TYPE,
    servers: sorted(
      [...systems].map(([name, system]) => [
        drafting.serverKeys.get(name) ?? name,
        serverOf(name, system, ownOf(options.servers ?? {}, name) ?? {}),
      ]),
    ),
    channels,
    operations,
    components: { messages, schemas: sorted([...schemas.all]) },
  };
  // Parts of drafts are shared; callers may change their copy.
  return toJson(document) as AsyncApiDocument;
}

/** Contracts come first, because they name the parameters of channels. */
async function draft(
  { systems, handlers: { plans, features }, patterns }: Application,
  drafting: Drafting,
  describer: SchemaDescriber,
): Promise<void> {
  const payloads = new Payloads(drafting, describer);
  const handlers = new HandlerOperations(drafting, payloads);
  const publishers = new PublisherOperations(systems, drafting, payloads);
  const served = new PatternOperations(drafting, payloads);
  const systemOf = (connection: { readonly name: string }): System => systemNamed(systems, connection.name);

  for (const { connection, contracts } of features) {
    const system = systems.get(connection);
    if (system !== undefined) for (const contract of contracts) drafting.know(system, contract);
  }
  for (const { connection, methods } of plans.consumers) {
    for (const { method } of methods) {
      for (const contract of method.contracts) drafting.know(systemOf(connection), contract);
      for (const { contract, options } of readPublishTargets(method.callback).targets) {
        const system = systems.get(options.connection ?? connection.name);
        if (contract !== undefined && system !== undefined) drafting.know(system, contract);
      }
    }
  }
  for (const { connection, definition } of plans.subscriptions) {
    const { contract } = definition.metadata;
    if (contract !== undefined) drafting.know(systemOf(connection), contract);
  }
  for (const pattern of patterns) {
    const contract = served.contractOf(pattern);
    if (contract !== undefined) drafting.know(pattern.service.system, contract);
  }

  for (const feature of features) publishers.publishers(feature);
  for (const plan of plans.consumers) {
    await handlers.consumer(plan, systemOf(plan.connection));
    await publishers.results(plan);
  }
  for (const plan of plans.subscriptions) await handlers.subscription(plan, systemOf(plan.connection));
  for (const plan of plans.kvWatches) await handlers.kvWatch(plan, systemOf(plan.connection));
  for (const plan of plans.objectWatches) await handlers.objectWatch(plan, systemOf(plan.connection));
  for (const pattern of patterns) {
    const several = patterns.some(
      (other) => other !== pattern && other.target === pattern.target && other.method === pattern.method,
    );
    await served.pattern(pattern, several);
  }
  for (const system of systems.values()) draftBuckets(system, drafting, handlers);
}

/** Declared buckets have channels, even if the application only reads and writes them. */
function draftBuckets(system: System, drafting: Drafting, handlers: HandlerOperations): void {
  for (const bucket of Object.keys(system.keyValues)) {
    drafting.channel(system, `$KV.${bucket}.>`, { kind: 'key-value', bucket, key: `kv.${bucket}.rest` });
  }
  for (const bucket of Object.keys(system.objectStores)) {
    const form = { kind: 'object-store', bucket, key: `objects.${bucket}` } as const;
    drafting.channel(system, `$O.${bucket}.M.*`, form).messages.add(handlers.objectMessage());
  }
}

function systemNamed(systems: ReadonlyMap<string, System>, name: string): System {
  const system = systems.get(name);
  if (system !== undefined) return system;
  throw new InvalidArgumentError('connection', `there is no connection "${name}"`);
}

/** A connection may have the name of a property that every object has. */
function ownOf<T>(map: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(map, name) ? map[name] : undefined;
}

function checkServers(
  servers: Readonly<Record<string, AsyncApiServerOptions>>,
  systems: ReadonlyMap<string, System>,
): void {
  const unknown = Object.keys(servers).find((name) => !systems.has(name));
  if (unknown === undefined) return;
  const known = [...systems.keys()].map((name) => `"${name}"`).join(', ');
  throw new InvalidArgumentError(
    'servers',
    `there is no connection "${unknown}"; the application has ${known === '' ? 'none' : known}`,
  );
}

function serverOf(name: string, system: System, options: AsyncApiServerOptions): AsyncApiServer {
  const { hosts, domain } = system;
  const [first] = hosts;
  const { host = first, protocol = 'nats', ...texts } = options;
  const filled = (resources: ServerExtension['streams']): ServerExtension['streams'] =>
    resources && Object.keys(resources).length > 0 ? sorted(Object.entries(resources)) : undefined;
  return {
    host,
    protocol,
    ...(toJson(texts) as object),
    'x-jetstream': given<ServerExtension>({
      connection: name,
      hosts: options.host === undefined && hosts.length > 1 ? hosts : undefined,
      domain,
      streams: filled(system.streams),
      keyValues: filled(system.keyValues),
      objectStores: filled(system.objectStores),
    }),
  };
}
