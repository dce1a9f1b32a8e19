import { isDeepStrictEqual } from 'node:util';
import type { DynamicModule, Provider } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { DuplicateConnectionError, DuplicateDeclarationError } from '../errors/index.js';
import { sameConfig } from '../jetstream/index.js';
import type { ResourceKind } from './resource-kinds.js';

/** One stream or bucket that a feature declares. */
export class Declaration {
  /** For example `Stream "ORDERS"`. */
  readonly what: string;
  /** The name of the stream behind it. */
  readonly stream: string;
  readonly kind: ResourceKind<never, unknown>['kind'];

  constructor(
    kind: Pick<ResourceKind<never, unknown>, 'kind' | 'title' | 'streamOf'>,
    readonly name: string,
    readonly connection: string,
    /** The configuration; `undefined` until its factory has returned. */
    private config?: Configuration,
  ) {
    this.kind = kind.kind;
    this.what = kind.title(name);
    this.stream = kind.streamOf(name);
  }

  /**
   * Compares the declaration with all others of the application, once its configuration is known. The result on the
   * server would depend on the order of different declarations of one stream or bucket. Equal declarations are allowed.
   *
   * @throws {@link DuplicateDeclarationError} which names all such declarations and their modules
   */
  settle(modules: ModulesContainer, config: Configuration): void {
    if (this.config !== config) {
      this.config = config;
      checked.delete(modules);
    }
    if (!checked.has(modules)) checked.set(modules, findConflicts(declarationsOf(modules)));
    const error = checked.get(modules);
    if (error) throw error;
  }

  /** The declared options. A codec belongs to this process. */
  get options(): object | undefined {
    if (this.config === undefined) return undefined;
    const { codec: _, ...options } = this.config;
    return options;
  }

  /**
   * What is compared. A second codec for a stream is rejected when it is declared. Subjects are not compared if they are
   * merged.
   */
  get compared(): object | undefined {
    const { options } = this;
    if (this.config?.subjectPolicy !== 'merge') return options;
    return { ...options, subjects: undefined };
  }
}

interface Configuration {
  readonly codec?: unknown;
  readonly subjectPolicy?: unknown;
}

/**
 * The declarations of one call of `forFeature` or `forFeatureAsync`. Each is a provider, so that all declarations of an
 * application can be found.
 */
export class FeatureDeclaration {
  constructor(readonly declarations: readonly Declaration[]) {}
}

/** A declaration, and the module that imports it. */
interface Placed {
  readonly declaration: Declaration;
  readonly place: string;
}

const checked = new WeakMap<ModulesContainer, Error | undefined>();

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

function declarationsOf(modules: ModulesContainer): Placed[] {
  const features = [...modules.values()].flatMap(({ providers, name }) =>
    [...providers.values()].flatMap(({ instance }: { readonly instance: unknown }) =>
      instance instanceof FeatureDeclaration ? [{ instance, name }] : [],
    ),
  );
  return features.flatMap(({ instance, name }) => {
    const isIt = (provider: Provider): boolean => 'useValue' in provider && provider.useValue === instance;
    const place = importersOf(modules, isIt).join(' and ') || name;
    return instance.declarations.map((declaration) => ({ declaration, place }));
  });
}

function findConflicts(all: readonly Placed[]): Error | undefined {
  const first = new Map<string, Placed>();
  const conflicts: string[] = [];
  for (const placed of all) {
    const { connection, stream } = placed.declaration;
    const key = `${connection}\n${stream}`;
    const other = first.get(key);
    if (other === undefined) first.set(key, placed);
    else if (conflict(other.declaration, placed.declaration)) conflicts.push(describe(other, placed));
    // The next one is compared with a declaration whose configuration is known.
    else if (other.declaration.compared === undefined) first.set(key, placed);
  }
  return conflicts.length > 0 ? new DuplicateDeclarationError(conflicts) : undefined;
}

function conflict(first: Declaration, second: Declaration): boolean {
  if (first.what !== second.what) return true;
  const [config, other] = [first.compared, second.compared];
  return config !== undefined && other !== undefined && !sameConfig(config, other);
}

function describe(
  { declaration: first, place }: Placed,
  { declaration: second, place: other }: Placed,
): string {
  if (first.what !== second.what)
    return `${first.what} in ${place} and ${second.what} in ${other} are the same stream, "${first.stream}"`;
  const { compared = {} } = first;
  const { compared: others = {} } = second;
  return (
    `${first.what} is declared in ${place} with ${difference(compared, others)} ` +
    `and in ${other} with ${difference(others, compared)}`
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
