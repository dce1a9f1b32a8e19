import type {
  BoardActionName,
  BoardActions,
  BoardDownloads,
  BoardViewName,
  BoardViews,
} from '../model/index.js';
import type { BoardSource } from './board-source.js';
import type { PayloadOptions } from './payload-options.js';

/** A file of a download. */
export interface BoardFile {
  readonly fileName: string;
  readonly size?: number;
  readonly content: AsyncIterable<Uint8Array>;
}

/** The views that {@link BoardData} answers. */
export type DataViewName = Exclude<BoardViewName, 'session' | 'events'>;

/** Reads and changes servers and handlers. */
export declare class BoardData {
  constructor(source: BoardSource, options: { payloads?: PayloadOptions | undefined });
  view<Name extends DataViewName>(
    name: Name,
    query: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<BoardViews[Name]['result']>;
  act<Name extends BoardActionName>(
    name: Name,
    input: unknown,
    caller: { readonly by?: string | undefined; readonly signal: AbortSignal },
  ): Promise<BoardActions[Name]['result']>;
  download(
    name: keyof BoardDownloads,
    query: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<BoardFile>;
  possibleActions(): BoardActionName[];
  onJobs(listener: () => void): () => void;
  stop(): Promise<void>;
}
