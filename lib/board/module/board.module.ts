import {
  type DynamicModule,
  type FactoryProvider,
  Inject,
  Injectable,
  Module,
  type OnModuleDestroy,
} from '@nestjs/common';
import { DiscoveryModule, DiscoveryService, HttpAdapterHost, ModuleRef } from '@nestjs/core';
import { Handlers, JetStreamEvents } from '../../consuming/index.js';
import { HandlersModule, JetStreamConnections } from '../../handlers/index.js';
import { PageBoot, PageResponses } from '../../pages/index.js';
import { Schedules } from '../../schedules/index.js';
import { checkedOptions } from '../../validation/index.js';
import { boardController, BoardHandlers, BoardServer } from '../http/index.js';
import { ApplicationSource } from './application-source.js';
import {
  BOARD_OPTIONS,
  type BoardAsyncOptions,
  type BoardExtras,
  type BoardOptions,
  FOR_ROOT_ASYNC_OPTIONS,
  FOR_ROOT_OPTIONS,
} from './board-options.js';

const OPTIONS = 'JETSTREAM_BOARD_OPTIONS';
const DEFAULT_PATH = 'board';

/** Ends the work of the board when the application stops. */
@Injectable()
class BoardLifecycle implements OnModuleDestroy {
  constructor(@Inject(BoardServer) private readonly server: BoardServer) {}

  onModuleDestroy(): Promise<void> {
    return this.server.stop();
  }
}

/**
 * Serves a page on which a team sees and operates what it runs: handlers of all instances, streams, consumers, dead letters,
 * buckets, objects, schedules, and the flow of messages between handlers. At `board` by default. Import it beside
 * `JetStreamModule`; several times with different paths, if needed. It shows only, unless `readOnly` is `false`.
 *
 * Outside of development (`NODE_ENV` is neither `development` nor `test`) the application does not start without
 * `guards`, `access` or `public: true`: {@link UnprotectedPageError}. It needs an HTTP platform, Express or Fastify:
 * {@link HttpPlatformMissingError}. Two pages with one path are refused: {@link DuplicatePageError}. While no page is open, it does nothing.
 *
 * @example
 * ```ts
 * @Module({
 *   imports: [
 *     JetStreamModule.forRoot({ connection: { servers: 'nats://localhost:4222' } }),
 *     JetStreamBoardModule.forRoot({ guards: [AdminGuard], readOnly: false }),
 *   ],
 * })
 * export class AppModule {}
 * ```
 */
@Module({})
export class JetStreamBoardModule {
  /**
   * Serves the board with these options.
   *
   * @throws {@link InvalidArgumentError} if options are unknown or invalid
   */
  static forRoot(options: BoardOptions & BoardExtras = {}): DynamicModule {
    const { path, guards, imports, ...board } = checkedOptions<typeof options>(
      'JetStreamBoardModule.forRoot',
      options,
      FOR_ROOT_OPTIONS,
    );
    return moduleWith({ path, guards, imports }, { inject: [], useFactory: () => board });
  }

  /**
   * Serves the board with options that are created when the application starts. If the factory throws or returns invalid
   * options, the startup fails. `path`, `guards` and `imports` must be known before.
   *
   * @throws {@link InvalidArgumentError} if options are unknown or invalid
   */
  static forRootAsync(options: BoardAsyncOptions): DynamicModule {
    const whose = 'JetStreamBoardModule.forRootAsync';
    const {
      inject = [],
      useFactory,
      ...extras
    } = checkedOptions<BoardAsyncOptions>(whose, options, FOR_ROOT_ASYNC_OPTIONS);
    return moduleWith(extras, {
      inject: [...inject],
      useFactory: async (...injected: never[]): Promise<BoardOptions> =>
        checkedOptions<BoardOptions>(`useFactory of ${whose}`, await useFactory(...injected), BOARD_OPTIONS),
    });
  }
}

function moduleWith(extras: BoardExtras, options: Omit<FactoryProvider, 'provide'>): DynamicModule {
  const { path = DEFAULT_PATH, guards = [], imports = [] } = extras;
  return {
    module: JetStreamBoardModule,
    imports: [HandlersModule, DiscoveryModule, ...imports],
    controllers: [boardController(path, guards)],
    providers: [
      { provide: OPTIONS, ...options },
      PageResponses,
      {
        provide: PageBoot,
        inject: [OPTIONS, HttpAdapterHost],
        useFactory: (board: BoardOptions, host: Partial<HttpAdapterHost>) =>
          new PageBoot(
            { module: 'JetStreamBoardModule', path, guards, access: board.access, public: board.public },
            host,
          ),
      },
      {
        provide: BoardServer,
        inject: [
          OPTIONS,
          ModuleRef,
          DiscoveryService,
          JetStreamConnections,
          Handlers,
          Schedules,
          JetStreamEvents,
        ],
        useFactory: (board: BoardOptions, ...services: ConstructorParameters<typeof ApplicationSource>) =>
          new BoardServer(new ApplicationSource(...services), board),
      },
      {
        provide: BoardHandlers,
        inject: [BoardServer],
        useFactory: ({ handlers }: BoardServer) => handlers,
      },
      BoardLifecycle,
    ],
  };
}
