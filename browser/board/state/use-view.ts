import { useEffect, useRef, useState } from 'preact/hooks';
import type { BoardViewName, BoardViews } from '../../../lib/board/model/index.js';
import { messageOf } from '../api/board-error.js';
import { type Given, readView } from '../api/requests.js';

/** A view that is read from the server. */
export interface Loaded<Result> {
  /** The newest result; `undefined` until there is one for these parameters. */
  readonly data: Result | undefined;
  /** Why the last request failed; empty if it did not. */
  readonly error: string;
  readonly isLoading: boolean;
  readonly reload: () => void;
}

interface State<Result> {
  readonly key: string;
  readonly data?: Result;
  readonly error: string;
  readonly isLoading: boolean;
}

/**
 * Reads a view, and again when its parameters change.
 *
 * @param period after how many milliseconds it is read again while the page is visible; without it, only on `reload`
 */
export function useView<Name extends BoardViewName>(
  name: Name,
  query: Given<BoardViews[Name]['query']>,
  period?: number,
): Loaded<BoardViews[Name]['result']> {
  type Result = BoardViews[Name]['result'];
  const key = JSON.stringify([name, query]);
  const [state, setState] = useState<State<Result>>({ key, error: '', isLoading: true });
  const [turn, setTurn] = useState(0);
  const newest = useRef(query);
  newest.current = query;
  useEffect(() => {
    const controller = new AbortController();
    setState((before) =>
      before.key === key ? { ...before, isLoading: true } : { key, error: '', isLoading: true },
    );
    readView(name, newest.current, controller.signal).then(
      (data) => setState({ key, data, error: '', isLoading: false }),
      (error: unknown) => {
        if (controller.signal.aborted) return;
        setState((before) => ({ ...before, key, error: messageOf(error), isLoading: false }));
      },
    );
    return () => controller.abort();
  }, [key, turn]);
  useEffect(() => {
    if (period === undefined) return undefined;
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') setTurn((n) => n + 1);
    }, period);
    return () => clearInterval(timer);
  }, [period]);
  const current = state.key === key ? state : { key, error: '', isLoading: true };
  return {
    data: 'data' in current ? current.data : undefined,
    error: current.error,
    isLoading: current.isLoading,
    reload: () => setTurn((n) => n + 1),
  };
}
