import { type DynamicModule, type FactoryProvider, Module } from '@nestjs/common';
import { DiscoveryModule, DiscoveryService, HttpAdapterHost, ModuleRef } from '@nestjs/core';
import { HandlersModule, JetStreamConnections } from '../../handlers/index.js';
import { AccessCheck, PageBoot, PageResponses } from '../../pages/index.js';
import { checkedOptions, type KnownOptions } from '../../validation/index.js';
import { ASYNC_API_OPTIONS, type AsyncApiOptions, checkOptions } from '../document/index.js';
import { TryIt } from '../try-it/index.js';
import { AsyncApiPage } from './asyncapi-page.js';
import { pageController } from './page-controller.js';
import { PageHandlers } from './page-handlers.js';
import {
  type AsyncApiPageAsyncOptions,
  type AsyncApiPageExtras,
  type AsyncApiPageOptions,
  FOR_ROOT_ASYNC_OPTIONS,
  FOR_ROOT_OPTIONS,
  PAGE_OPTIONS,
} from './page-options.js';

const OPTIONS = 'JETSTREAM_ASYNCAPI_OPTIONS';
const DEFAULT_PATH = 'asyncapi';

/**
 * Serves the AsyncAPI document of the application, and a page that shows it: at `asyncapi`, `asyncapi/asyncapi.json` and
 * `asyncapi/asyncapi.yaml` by default. Import it beside `JetStreamModule`; several times with different paths, if
 * needed. The page shows the document with the package `@asyncapi/react-component`, if it is installed.
 *
 * Outside of development (`NODE_ENV` is neither `development` nor `test`) the application does not start without
 * `guards`, `access` or `public: true`: {@link UnprotectedPageError}. It needs an HTTP platform, Express or Fastify:
 * {@link HttpPlatformMissingError}. Two pages with one path are refused: {@link DuplicatePageError}.
 *
 * @example
 * ```ts
 * @Module({
 *   imports: [
 *     JetStreamModule.forRoot({ connection: { servers: 'nats://localhost:4222' } }),
 *     JetStreamAsyncApiModule.forRoot({
 *       info: { title: 'Billing', version: '1.0.0' },
 *       guards: [AdminGuard],
 *       tryIt: { dryRun: true },
 *     }),
 *   ],
 * })
 * export class AppModule {}
 * ```
 */
@Module({})
export class JetStreamAsyncApiModule {
  /**
   * Serves the page with these options.
   *
   * @throws {@link InvalidArgumentError} if options are unknown or invalid
   */
  static forRoot(options: AsyncApiPageOptions & AsyncApiPageExtras): DynamicModule {
    const whose = 'JetStreamAsyncApiModule.forRoot';
    const { path, guards, imports, ...page } = readOptions<typeof options>(whose, options, FOR_ROOT_OPTIONS);
    return moduleWith({ path, guards, imports }, { inject: [], useFactory: () => page });
  }

  /**
   * Serves the page with options that are created when the application starts. If the factory throws or returns invalid
   * options, the startup fails. `path`, `guards` and `imports` must be known before.
   *
   * @throws {@link InvalidArgumentError} if options are unknown or invalid
   */
  static forRootAsync(options: AsyncApiPageAsyncOptions): DynamicModule {
    const whose = 'JetStreamAsyncApiModule.forRootAsync';
    const {
      inject = [],
      useFactory,
      ...extras
    } = checkedOptions<AsyncApiPageAsyncOptions>(whose, options, FOR_ROOT_ASYNC_OPTIONS);
    return moduleWith(extras, {
      inject: [...inject],
      useFactory: async (...injected: never[]): Promise<AsyncApiPageOptions> =>
        readOptions<AsyncApiPageOptions>(
          `useFactory of ${whose}`,
          await useFactory(...injected),
          PAGE_OPTIONS,
        ),
    });
  }
}

/** Checks the options of the page together with those of the document. */
function readOptions<Options extends AsyncApiPageOptions>(
  whose: string,
  given: Options,
  known: KnownOptions,
): Options {
  const options = checkedOptions<Options>(whose, given, known);
  const document = Object.entries(options).filter(([name]) => Object.hasOwn(ASYNC_API_OPTIONS, name));
  checkOptions(Object.fromEntries(document) as unknown as AsyncApiOptions, whose);
  return options;
}

function moduleWith(extras: AsyncApiPageExtras, options: Omit<FactoryProvider, 'provide'>): DynamicModule {
  const { path = DEFAULT_PATH, guards = [], imports = [] } = extras;
  return {
    module: JetStreamAsyncApiModule,
    imports: [HandlersModule, DiscoveryModule, ...imports],
    controllers: [pageController(path, guards)],
    providers: [
      { provide: OPTIONS, ...options },
      PageResponses,
      {
        provide: PageBoot,
        inject: [OPTIONS, HttpAdapterHost],
        useFactory: (page: AsyncApiPageOptions, host: Partial<HttpAdapterHost>) =>
          new PageBoot(
            { module: 'JetStreamAsyncApiModule', path, guards, access: page.access, public: page.public },
            host,
          ),
      },
      {
        provide: PageHandlers,
        inject: [OPTIONS, ModuleRef, DiscoveryService, JetStreamConnections],
        useFactory: handlersOf,
      },
    ],
  };
}

function handlersOf(
  options: AsyncApiPageOptions,
  moduleRef: ModuleRef,
  discovery: DiscoveryService,
  connections: JetStreamConnections,
): PageHandlers {
  const page = new AsyncApiPage(moduleRef, options);
  const access = new AccessCheck(options.access, 'JetStreamAsyncApiModule', 'JetStreamAsyncApi');
  const tryIt =
    options.tryIt &&
    new TryIt({
      options: options.tryIt,
      document: () => page.document(),
      discovery,
      connections,
      access,
    });
  return new PageHandlers(page, access, tryIt);
}
