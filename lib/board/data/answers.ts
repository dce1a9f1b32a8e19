import type { AllOptionsOf } from '../../validation/index.js';
import type {
  BoardActionName,
  BoardActions,
  BoardDownloads,
  BoardViewName,
  BoardViews,
} from '../model/index.js';

/** The views that the data side answers. */
export type DataViewName = Exclude<BoardViewName, 'session' | 'events'>;

/** A file of a download. */
export interface BoardFile {
  readonly fileName: string;
  /** The number of bytes, if it is known. */
  readonly size?: number;
  readonly content: AsyncIterable<Uint8Array>;
}

/** The person who carries out an action. */
export interface BoardActor {
  /** The name of the person, if it is known. */
  readonly by?: string | undefined;
  /** Is aborted when the person leaves. */
  readonly signal: AbortSignal;
}

/** How one view is answered. The query has been checked with `parameters`. */
export interface View<Name extends DataViewName> {
  readonly parameters: AllOptionsOf<BoardViews[Name]['query']>;
  answer(query: BoardViews[Name]['query'], signal: AbortSignal): Promise<BoardViews[Name]['result']>;
}

/** How one action is carried out. The input has been checked with `members`. */
export interface Action<Name extends BoardActionName> {
  /** Whether the servers and the application support it now. Default: they do. */
  isPossible?(): boolean;
  readonly members: AllOptionsOf<BoardActions[Name]['input']>;
  carryOut(input: BoardActions[Name]['input'], actor: BoardActor): Promise<BoardActions[Name]['result']>;
}

/** How one file is opened. The query has been checked with `parameters`. */
export interface Download<Name extends keyof BoardDownloads> {
  readonly parameters: AllOptionsOf<BoardDownloads[Name]>;
  open(query: BoardDownloads[Name], signal: AbortSignal): Promise<BoardFile>;
}

export type Views<Names extends DataViewName> = { readonly [Name in Names]: View<Name> };
export type Actions<Names extends BoardActionName> = { readonly [Name in Names]: Action<Name> };
export type Downloads<Names extends keyof BoardDownloads> = { readonly [Name in Names]: Download<Name> };
