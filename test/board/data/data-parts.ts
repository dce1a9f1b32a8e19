import type { INestApplicationContext } from '@nestjs/common';
import {
  createCodecSelector,
  getDeadLettersToken,
  getJetStreamInstancesToken,
  JetStreamService,
  jsonCodec,
  KeyValueService,
  ObjectStoreService,
} from 'nestjs-nats-jetstream';

import { BoardContext } from '../../../lib/board/data/board-context.js';
import type { BoardSource } from '../../../lib/board/data/board-source.js';
import { Payloads, type PayloadOptions } from '../../../lib/board/data/payloads/index.js';
import { storeDownloads, storeViews } from '../../../lib/board/data/stores/index.js';
import { consumerActions, streamDownloads, streamViews } from '../../../lib/board/data/streams/index.js';
import type { BoardActions, BoardDownloads, BoardViews } from '../../../lib/board/model/index.js';
import { checkedOptions } from '../../../lib/validation/index.js';
import { startApplication } from '../../support/application.js';

type ViewName = 'streams' | 'stream' | 'consumers' | 'messages' | 'buckets' | 'keys' | 'entry' | 'objects';
type ActionName = 'pause-consumer' | 'resume-consumer';
type FileName = 'message' | 'entry' | 'object';
type Query = Readonly<Record<string, string>>;

/** The parts of the data side about streams and stores, called as the board calls them: everything is checked before. */
export class DataParts implements AsyncDisposable {
  readonly js: JetStreamService;
  readonly kv: KeyValueService;
  readonly os: ObjectStoreService;
  private readonly context: BoardContext;

  private constructor(
    private readonly app: INestApplicationContext,
    payloads: PayloadOptions,
  ) {
    this.js = app.get(JetStreamService);
    this.kv = app.get(KeyValueService);
    this.os = app.get(ObjectStoreService);
    const source: BoardSource = {
      connections: [this.js],
      handlers: undefined,
      schedules: undefined,
      events: undefined,
      service: undefined,
      discovery: undefined,
      codecsOf: () => createCodecSelector([], jsonCodec),
      deadLetters: (name) => app.get(getDeadLettersToken(name)),
      keyValue: () => this.kv,
      objectStore: () => this.os,
      instances: (name) => app.get(getJetStreamInstancesToken(name)),
    };
    this.context = new BoardContext(source, new Payloads(payloads, source.codecsOf));
  }

  static async start(url: string, payloads: PayloadOptions = {}): Promise<DataParts> {
    const { app } = await startApplication(url, {});
    return new DataParts(app, payloads);
  }

  async view<Name extends ViewName>(
    name: Name,
    query: Query,
    signal = new AbortController().signal,
  ): Promise<BoardViews[Name]['result']> {
    const view = { ...streamViews(this.context), ...storeViews(this.context) }[name];
    const checked = checkedOptions<never>(`the view ${name}`, query, view.parameters);
    const answer = await view.answer(checked, signal);
    // The answer is sent as JSON, which must not change it.
    return JSON.parse(JSON.stringify(answer)) as BoardViews[Name]['result'];
  }

  async act<Name extends ActionName>(name: Name, input: object): Promise<BoardActions[Name]['result']> {
    const action = consumerActions(this.context)[name];
    const checked = checkedOptions<never>(`the action ${name}`, input, action.members);
    return action.carryOut(checked, { signal: new AbortController().signal });
  }

  isPossible(name: ActionName): boolean {
    return consumerActions(this.context)[name].isPossible?.() ?? true;
  }

  async download(
    name: FileName,
    query: { readonly [Parameter in keyof BoardDownloads[FileName]]?: string } & Query,
    signal = new AbortController().signal,
  ): Promise<{
    readonly fileName: string;
    readonly size?: number;
    readonly content: AsyncIterable<Uint8Array>;
  }> {
    const download = { ...streamDownloads(this.context), ...storeDownloads(this.context) }[name];
    const checked = checkedOptions<never>(`the file ${name}`, query, download.parameters);
    return download.open(checked, signal);
  }

  /** All rows of a view in pages, and how many pages there were. */
  async pages<Name extends 'streams' | 'consumers' | 'messages' | 'buckets' | 'keys' | 'objects'>(
    name: Name,
    query: Query,
  ): Promise<{ readonly rows: BoardViews[Name]['result']['rows'][number][]; readonly pages: number }> {
    const rows: BoardViews[Name]['result']['rows'][number][] = [];
    let after: string | undefined;
    for (let pages = 1; ; pages++) {
      const page = await this.view(name, { ...query, ...(after !== undefined && { after }) });
      rows.push(...page.rows);
      if (page.next === undefined) return { rows, pages };
      if (page.next === after) throw new Error(`The page after ${after} begins there again`);
      after = page.next;
    }
  }

  /** Deletes all streams. */
  async clear(): Promise<void> {
    for await (const name of this.js.streamNames()) await this.js.deleteStream(name);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.app.close();
  }
}

/** Names and values that must not reach the server, or mean something there. */
export const HOSTILE = [
  '..',
  '*',
  '>',
  'a b',
  'a.b',
  'a/b',
  '\r\nPUB a 0\r\n',
  '\u0000',
  'x'.repeat(1_048_576),
];

/** The content of a file. */
export async function bytesOf(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks);
}
