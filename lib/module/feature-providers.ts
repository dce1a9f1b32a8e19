import type { FactoryProvider, Provider } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { deferred, forOneServer, LazyConnection } from '../connection/index.js';
import { FeatureMessages } from '../contracts/index.js';
import type { HandlerConnection } from '../handlers/index.js';
import { type Provisioning, STREAM_DECLARATION_OPTIONS } from '../jetstream/index.js';
import type { KnownOptions } from '../validation/index.js';
import { ApplicationBoot } from './application-boot.js';
import { declarationFrom } from './check-options.js';
import { Declaration, FeatureDeclaration } from './declarations.js';
import type {
  DeclarationFactory,
  JetStreamFeatureAsyncOptions,
  JetStreamFeatureOptions,
} from './jetstream-module-options.interface.js';
import { KEY_VALUE_DECLARATION_OPTIONS, OBJECT_STORE_DECLARATION_OPTIONS } from './known-options.js';
import { KEY_VALUES, OBJECT_STORES, type ResourceKind, STREAMS } from './resource-kinds.js';
import { DEFAULT_CONNECTION, getFeatureConnectionToken, getPublisherToken, type Token } from './tokens.js';

/** The providers of a feature, and the tokens of its resources. */
export interface FeatureProviders {
  readonly providers: Provider[];
  readonly exports: Token[];
}

/**
 * The providers of a feature's resources. Each resource is created, or checked, while Nest resolves its provider, so
 * that it is ready for injection.
 *
 * @param options as {@link readFeature} returned them
 */
export function featureProviders(options: JetStreamFeatureOptions): FeatureProviders {
  const { streams = [], keyValues = [], objectStores = [], connection = DEFAULT_CONNECTION } = options;
  const declare = <Config extends Configuration, Resource extends object>(
    kind: ResourceKind<Config, Resource>,
    name: string,
    config: Config,
  ): DeclaredProvider => declared(kind, new Declaration(kind, name, connection, config), [], () => config);
  return together(
    [
      ...streams.map((config) => declare(STREAMS, config.name, config)),
      ...keyValues.map((config) => declare(KEY_VALUES, config.bucket, config)),
      ...objectStores.map((config) => declare(OBJECT_STORES, config.bucket, config)),
    ],
    messageProviders(options),
  );
}

/**
 * Like {@link featureProviders}, with a factory for each declaration.
 *
 * @param options as {@link readFeatureAsync} returned them
 */
export function asyncFeatureProviders(options: JetStreamFeatureAsyncOptions): FeatureProviders {
  const { streams = [], keyValues = [], objectStores = [], connection = DEFAULT_CONNECTION } = options;
  const declare = <Config extends Configuration, Resource extends object>(
    kind: ResourceKind<Config, Resource>,
    name: string,
    { inject = [], useFactory }: DeclarationFactory<object>,
    /** The path of the factory, such as `streams[0].useFactory`. */
    option: string,
    { key, known }: { readonly key: 'name' | 'bucket'; readonly known: KnownOptions },
  ): DeclaredProvider =>
    declared(kind, new Declaration(kind, name, connection), inject, (...injected: never[]) =>
      declarationFrom<Config>(() => useFactory(...injected), {
        name,
        key,
        known,
        option,
        title: kind.title(name),
      }),
    );
  return together(
    [
      ...streams.map((given, i) =>
        declare(STREAMS, given.name, given, `streams[${i}].useFactory`, {
          key: 'name',
          known: STREAM_DECLARATION_OPTIONS,
        }),
      ),
      ...keyValues.map((given, i) =>
        declare(KEY_VALUES, given.bucket, given, `keyValues[${i}].useFactory`, {
          key: 'bucket',
          known: KEY_VALUE_DECLARATION_OPTIONS,
        }),
      ),
      ...objectStores.map((given, i) =>
        declare(OBJECT_STORES, given.bucket, given, `objectStores[${i}].useFactory`, {
          key: 'bucket',
          known: OBJECT_STORE_DECLARATION_OPTIONS,
        }),
      ),
    ],
    messageProviders(options),
  );
}

interface Configuration {
  readonly recreate?: boolean | undefined;
  readonly provisioning?: Provisioning | undefined;
  readonly codec?: unknown;
}

interface DeclaredProvider {
  readonly token: Token;
  readonly provider: Provider;
  readonly declaration: Declaration;
}

/** @param configure returns the configuration of the resource */
function declared<Config extends Configuration, Resource extends object>(
  kind: ResourceKind<Config, Resource>,
  declaration: Declaration,
  inject: NonNullable<DeclarationFactory<unknown>['inject']>,
  configure: (...injected: never[]) => Config | Promise<Config>,
): DeclaredProvider {
  const { name, connection } = declaration;
  const token = kind.tokenOf(name, connection);
  const provider: FactoryProvider = {
    provide: token,
    inject: [getFeatureConnectionToken(connection), ModulesContainer, ...inject],
    useFactory: (target: HandlerConnection, modules: ModulesContainer, ...injected: never[]) =>
      ApplicationBoot.of(modules).step(async () => {
        const given = await configure(...injected);
        declaration.settle(modules, given);
        // The account of a test is empty.
        const config = target.isOnTestServer ? { ...forOneServer(given), provisioning: undefined } : given;
        const { connection: opened } = target.jetstream;
        if (opened instanceof LazyConnection && !opened.isReady) {
          const { facade, use } = deferred(kind.declare(target, config), opened, kind.calls);
          opened.beforeReady(async () => use(await provisioned(kind, declaration, target, config)));
          return facade;
        }
        return opened.isOpen ? provisioned(kind, declaration, target, config) : kind.declare(target, config);
      }),
  };
  return { token, provider, declaration };
}

/** Creates, updates or compares a resource, as its declaration says. */
async function provisioned<Config extends Configuration, Resource extends object>(
  kind: ResourceKind<Config, Resource>,
  { name, stream }: Declaration,
  target: HandlerConnection,
  config: Config,
): Promise<Resource> {
  const create = (): Promise<unknown> => kind.provision(target, config);
  const found = await kind.provision(target, config, (outcome) =>
    target.provisioned.push({ kind: kind.kind, name, outcome }),
  );
  const { recreate = false, provisioning = target.provisioning } = config;
  if (provisioning === 'ensure') {
    const repair = kind.repairOf?.(target, config);
    target.declared.add({ kind: kind.kind, name, stream, recreate, create, repair });
  } else {
    target.declared.leave(stream);
  }
  return found;
}

/** The publishers of a feature. */
function messageProviders({
  messages = [],
  connection = DEFAULT_CONNECTION,
}: Pick<JetStreamFeatureOptions, 'messages' | 'connection'>): FeatureProviders {
  if (messages.length === 0) return { providers: [], exports: [] };
  const publishers = messages.map((contract) => ({
    provide: getPublisherToken(contract, connection),
    inject: [getFeatureConnectionToken(connection), ModulesContainer],
    useFactory: (target: HandlerConnection, modules: ModulesContainer) =>
      ApplicationBoot.of(modules).step(() => target.publisherOf(contract)),
  }));
  const all = { provide: FeatureMessages, useValue: new FeatureMessages(connection, messages) };
  return { providers: [...publishers, all], exports: publishers.map(({ provide }) => provide) };
}

function together(all: readonly DeclaredProvider[], messages: FeatureProviders): FeatureProviders {
  const feature = new FeatureDeclaration(all.map(({ declaration }) => declaration));
  return {
    providers: [
      ...all.map(({ provider }) => provider),
      { provide: FeatureDeclaration, useValue: feature },
      ...messages.providers,
    ],
    exports: [...all.map(({ token }) => token), ...messages.exports],
  };
}
