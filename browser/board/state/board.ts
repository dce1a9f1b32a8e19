import { createContext } from 'preact';
import { useContext, useEffect, useReducer } from 'preact/hooks';
import type { BoardActionName, JobRow, SessionView } from '../../../lib/board/model/index.js';
import type { LiveFeed } from '../api/live-feed.js';
import type { Question } from '../parts/ask-dialog.js';
import { hashOf } from './route.js';

/** What all views share. */
export interface Board {
  readonly session: SessionView;
  /** The connection of the address; `undefined` for the first one. */
  readonly connection: string | undefined;
  readonly feed: LiveFeed;
  /** Shows and announces a success. */
  readonly announce: (text: string) => void;
  /** Shows and announces a failure. */
  readonly fail: (text: string) => void;
  /** Asks a question. @returns the value of its field, empty without a field; `undefined` if the user cancels */
  readonly ask: (question: Question) => Promise<string | undefined>;
}

export const BoardContext = createContext<Board | undefined>(undefined);

export function useBoard(): Board {
  const board = useContext(BoardContext);
  if (board === undefined) throw new Error('A view is outside of the board.');
  return board;
}

/** The feed; the component is drawn again after each change. */
export function useFeed(): LiveFeed {
  const { feed } = useBoard();
  const [, draw] = useReducer<number, void>((n) => n + 1, 0);
  useEffect(() => feed.listen(draw), [feed]);
  return feed;
}

/** Makes addresses of views on the same connection. */
export function useLink(): typeof hashOf {
  const { connection } = useBoard();
  return (path, query) => hashOf(path, { ...query, connection });
}

/** Whether an action may be offered. */
export function useMay(): (action: BoardActionName) => boolean {
  const { session } = useBoard();
  return (action) => session.actions.includes(action);
}

/** Whether an action may be offered for a job: without the right to change, for searches only. */
export function useMayWithJob(): (action: BoardActionName, job: JobRow) => boolean {
  const { session } = useBoard();
  return (action, { kind }) => session.actions.includes(action) && (!session.readOnly || kind === 'search');
}
