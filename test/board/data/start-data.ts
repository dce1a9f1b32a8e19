import { DiscoveryService, ModuleRef } from '@nestjs/core';
import {
  DeadLetters,
  getDeadLettersToken,
  Handlers,
  JetStreamEvents,
  JetStreamService,
  KeyValueService,
  Schedules,
} from 'nestjs-nats-jetstream';
import { BoardData, type BoardSource, type PayloadOptions } from '../../../lib/board/data/index.js';
import type {
  BoardActionName,
  BoardActions,
  BoardViewName,
  BoardViews,
} from '../../../lib/board/model/index.js';
import { ApplicationSource } from '../../../lib/board/module/application-source.js';
import { JetStreamConnections } from '../../../lib/handlers/index.js';
import { startApplication, type TestApplication } from '../../support/application.js';

type DataView = Exclude<BoardViewName, 'session' | 'events'>;

/** An application with the data side of a board. */
export interface DataApplication extends TestApplication {
  readonly source: BoardSource;
  readonly data: BoardData;
  readonly jetstream: JetStreamService;
  readonly keyValue: KeyValueService;
  readonly letters: DeadLetters;
  /** Reads a view; the query may be anything. */
  view<Name extends DataView>(name: Name, query?: object): Promise<BoardViews[Name]['result']>;
  /** Carries out an action; the input may be anything. */
  act<Name extends BoardActionName>(name: Name, input?: unknown): Promise<BoardActions[Name]['result']>;
}

export async function startData(
  url: string | string[],
  application: Parameters<typeof startApplication>[1] = {},
  payloads?: PayloadOptions,
): Promise<DataApplication> {
  const started = await startApplication(url, application);
  const { app } = started;
  const get = <T>(type: abstract new (...args: never[]) => T): T => app.get<T>(type, { strict: false });
  const source = new ApplicationSource(
    get(ModuleRef),
    get(DiscoveryService),
    get(JetStreamConnections),
    get(Handlers),
    get(Schedules),
    get(JetStreamEvents),
  );
  const data = new BoardData(source, { payloads });
  const { signal } = new AbortController();
  return {
    ...started,
    source,
    data,
    jetstream: app.get(JetStreamService),
    keyValue: app.get(KeyValueService),
    letters: app.get<DeadLetters>(getDeadLettersToken()),
    view: (name, query = {}) => data.view(name, query as Record<string, string>, signal),
    act: (name, input = {}) => data.act(name, input, { by: 'ada', signal }),
    async [Symbol.asyncDispose](): Promise<void> {
      await data.stop();
      await app.close();
    },
  };
}
