import { checkedOptions } from '../../validation/index.js';
import type { BoardActionName, BoardActions, BoardDownloads, BoardViews } from '../model/index.js';
import type {
  Action,
  Actions,
  BoardActor,
  BoardFile,
  DataViewName,
  Download,
  Downloads,
  View,
  Views,
} from './answers.js';
import { BoardContext } from './board-context.js';
import type { BoardSource } from './board-source.js';
import { deadLetterActions, deadLetterDownloads, deadLetterViews } from './dead-letters/index.js';
import { handlerActions, handlerViews, scheduleActions } from './handlers/index.js';
import { BoardJobs, jobActions, jobViews } from './jobs/index.js';
import { Payloads, type PayloadOptions } from './payloads/index.js';
import { storeDownloads, storeViews } from './stores/index.js';
import { consumerActions, streamDownloads, streamViews } from './streams/index.js';

/**
 * Reads and changes servers and handlers, for one board. It does nothing without requests. Queries and inputs come from
 * browsers: each is checked against a table of its members before anything is sent.
 */
export class BoardData {
  private readonly views: Views<DataViewName>;
  private readonly actions: Actions<BoardActionName>;
  private readonly downloads: Downloads<keyof BoardDownloads>;
  private readonly jobs: BoardJobs;

  constructor(source: BoardSource, { payloads = {} }: { readonly payloads?: PayloadOptions | undefined }) {
    const shown = new Payloads(payloads, (connection, stream) => source.codecsOf(connection, stream));
    const context = new BoardContext(source, shown);
    this.jobs = new BoardJobs(context);
    this.views = {
      ...handlerViews(context),
      ...streamViews(context),
      ...storeViews(context),
      ...deadLetterViews(context),
      ...jobViews(context, this.jobs),
    };
    this.actions = {
      ...handlerActions(context),
      ...scheduleActions(context),
      ...consumerActions(context),
      ...deadLetterActions(context),
      ...jobActions(context, this.jobs),
    };
    this.downloads = {
      ...streamDownloads(context),
      ...storeDownloads(context),
      ...deadLetterDownloads(context),
    };
  }

  /** @throws {@link InvalidArgumentError} if a parameter is unknown or invalid; the errors of the services */
  async view<Name extends DataViewName>(
    name: Name,
    query: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<BoardViews[Name]['result']> {
    const view: View<Name> = this.views[name];
    const checked = checkedOptions<BoardViews[Name]['query']>(`the view ${name}`, query, view.parameters);
    return view.answer(checked, signal);
  }

  /** @throws {@link InvalidArgumentError} if a member of the input is unknown or invalid; the errors of the services */
  async act<Name extends BoardActionName>(
    name: Name,
    input: unknown,
    actor: BoardActor,
  ): Promise<BoardActions[Name]['result']> {
    const action: Action<Name> = this.actions[name];
    const checked = checkedOptions<BoardActions[Name]['input']>(`the action ${name}`, input, action.members);
    return action.carryOut(checked, actor);
  }

  /** @throws {@link InvalidArgumentError} if a parameter is unknown or invalid; the errors of the services */
  async download<Name extends keyof BoardDownloads>(
    name: Name,
    query: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<BoardFile> {
    const download: Download<Name> = this.downloads[name];
    const checked = checkedOptions<BoardDownloads[Name]>(`the file ${name}`, query, download.parameters);
    return download.open(checked, signal);
  }

  /** The actions that the servers and the application support. */
  possibleActions(): BoardActionName[] {
    const names = Object.keys(this.actions) as BoardActionName[];
    return names.filter((name) => this.actions[name].isPossible?.() ?? true);
  }

  /** Calls a listener after each change of a job. @returns a function that ends this */
  onJobs(listener: () => void): () => void {
    return this.jobs.onChange(listener);
  }

  /** Interrupts the jobs that run here; each instance can continue them. */
  async stop(): Promise<void> {
    await this.jobs.stop();
  }
}
