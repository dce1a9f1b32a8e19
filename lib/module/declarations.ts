import { isDeepStrictEqual } from 'node:util';
import type { DynamicModule, Provider } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { DuplicateConnectionError, DuplicateDeclarationError } from '../errors/index.js';
import { sameConfig } from '../jetstream/index.js';
import type { JetStreamFeatureOptions } from './jetstream-module-options.interface.js';
import { DEFAULT_CONNECTION } from './tokens.js';

/**
 * The declarations of one call of `forFeature`. Each is a provider, so that all declarations of an application can be
 * found.
 */
export class FeatureDeclaration {
  constructor(readonly options: JetStreamFeatureOptions) {}
}

/** One stream or bucket of a declaration. */
interface Declared {
  /** For example `Stream "ORDERS"`. */
  readonly what: string;
  /** The name of the stream behind it. */
  readonly stream: string;
  readonly connection: string;
  /** The module that imports the declaration. */
  readonly place: string;
  readonly config: object;
}

const checked = new WeakMap<ModulesContainer, Error | undefined>();

/**
 * Rejects an application that declares a stream or bucket twice with different configurations, because the result on
 * the server would depend on their order. Two equal declarations are allowed.
 *
 * @throws {@link DuplicateDeclarationError} which names all such declarations and their modules
 */
export function checkDeclarations(modules: ModulesContainer): void {
  if (!checked.has(modules)) checked.set(modules, findConflicts(declarationsOf(modules)));
  const error = checked.get(modules);
  if (error) throw error;
}

/**
 * Rejects an application that opens a connection twice: both would be open, and providers would get either one.
 *
 * @param token the token of the connection's provider
 * @throws {@link DuplicateConnectionError} which names the modules
 */
export function checkConnection(modules: ModulesContainer, name: string, token: string): void {
  const found = [...modules.values()].filter(({ providers }) => providers.has(token));
  if (found.length < 2) return;
  const importers = importersOf(modules, (provider) => 'provide' in provider && provider.provide === token);
  const names = importers.length === 0 ? found.map((module) => module.name) : importers;
  // A module that imports it twice is found only once.
  throw new DuplicateConnectionError(name, names.length === 1 ? [names[0], names[0]] : names);
}

/** The names of the modules that import a dynamic module with a matching provider. */
function importersOf(modules: ModulesContainer, has: (provider: Provider) => boolean): string[] {
  const imports = (imported: unknown): boolean => {
    if (typeof imported !== 'object' || imported === null || !('module' in imported)) return false;
    const { providers = [], imports: nested = [] } = imported as DynamicModule;
    return providers.some(has) || nested.some(imports);
  };
  // Nest adds every global module to the imports of all modules; the metadata has only the module's own imports.
  return [...modules.values()]
    .filter(({ metatype }) => ((Reflect.getMetadata('imports', metatype) ?? []) as unknown[]).some(imports))
    .map(({ name }) => name);
}

function declarationsOf(modules: ModulesContainer): Declared[] {
  const declarations = [...modules.values()].flatMap(({ providers, name }) =>
    [...providers.values()].flatMap(({ instance }: { readonly instance: unknown }) =>
      instance instanceof FeatureDeclaration ? [{ instance, name }] : [],
    ),
  );
  return declarations.flatMap(({ instance, name }) => {
    const isIt = (provider: Provider): boolean => 'useValue' in provider && provider.useValue === instance;
    return declared(instance.options, importersOf(modules, isIt).join(' and ') || name);
  });
}

function declared(options: JetStreamFeatureOptions, place: string): Declared[] {
  const { streams = [], keyValues = [], objectStores = [], connection = DEFAULT_CONNECTION } = options;
  // A codec belongs to this process. A second codec for a stream is rejected when it is declared.
  return [
    ...streams.map(({ codec: _, ...config }) => ({
      what: `Stream "${config.name}"`,
      stream: config.name,
      connection,
      place,
      config,
    })),
    ...keyValues.map(({ codec: _, ...config }) => ({
      what: `Key-Value bucket "${config.bucket}"`,
      stream: `KV_${config.bucket}`,
      connection,
      place,
      config,
    })),
    ...objectStores.map((config) => ({
      what: `Object Store bucket "${config.bucket}"`,
      stream: `OBJ_${config.bucket}`,
      connection,
      place,
      config,
    })),
  ];
}

function findConflicts(all: readonly Declared[]): Error | undefined {
  const first = new Map<string, Declared>();
  const conflicts: string[] = [];
  for (const declaration of all) {
    const key = `${declaration.connection}\n${declaration.stream}`;
    const other = first.get(key);
    if (other === undefined) first.set(key, declaration);
    else if (other.what !== declaration.what || !sameConfig(other.config, declaration.config))
      conflicts.push(describe(other, declaration));
  }
  return conflicts.length > 0 ? new DuplicateDeclarationError(conflicts) : undefined;
}

function describe(first: Declared, second: Declared): string {
  if (first.what !== second.what)
    return `${first.what} in ${first.place} and ${second.what} in ${second.place} are the same stream, "${first.stream}"`;
  return (
    `${first.what} is declared in ${first.place} with ${difference(first.config, second.config)} ` +
    `and in ${second.place} with ${difference(second.config, first.config)}`
  );
}

/** The options of a declaration that differ in the other one. */
function difference(config: object, other: object): string {
  const theirs = other as Readonly<Record<string, unknown>>;
  const own = Object.entries(config as Readonly<Record<string, unknown>>).filter(
    ([option, value]) => value !== undefined && !isDeepStrictEqual(value, theirs[option]),
  );
  if (own.length === 0) return 'none of these options';
  return own.map(([option, value]) => `${option}: ${JSON.stringify(value)}`).join(', ');
}
