import { useEffect, useRef, useState } from 'preact/hooks';
import type { BoardActionName, BoardActions } from '../../../lib/board/model/index.js';
import { messageOf } from '../api/board-error.js';
import { act, type Given } from '../api/requests.js';
import type { Question } from '../parts/ask-dialog.js';
import { useBoard } from './board.js';

/** An action of the user. */
export interface Deed<Name extends BoardActionName> {
  readonly input: Given<BoardActions[Name]['input']>;
  /** The announcement of the success. */
  readonly done: string | ((result: BoardActions[Name]['result']) => string);
}

/** Does actions one after another, and announces how they end. */
export interface Actions {
  /** Whether an action is in progress. */
  readonly isBusy: boolean;
  /** @returns the result; `undefined` if it failed, or an action is in progress */
  readonly run: <Name extends BoardActionName>(
    name: Name,
    deed: Deed<Name>,
  ) => Promise<BoardActions[Name]['result'] | undefined>;
  /** Asks first. @param deed makes the action of the value of the question's field */
  readonly askAndRun: <Name extends BoardActionName>(
    name: Name,
    question: Question,
    deed: (value: string) => Deed<Name>,
  ) => Promise<BoardActions[Name]['result'] | undefined>;
}

/** @param after is called after each success, to show its effect */
export function useActions(after?: () => void): Actions {
  const { announce, ask, fail, feed } = useBoard();
  const [isBusy, setBusy] = useState(false);
  const busy = useRef(false);
  const mounted = useRef(true);
  useEffect(() => () => void (mounted.current = false), []);
  const run: Actions['run'] = async (name, { input, done }) => {
    if (busy.current) return undefined;
    busy.current = true;
    setBusy(true);
    try {
      const result = await act(name, input);
      announce(typeof done === 'string' ? done : done(result));
      if (mounted.current) after?.();
      void feed.refresh();
      return result;
    } catch (error) {
      fail(messageOf(error));
      return undefined;
    } finally {
      busy.current = false;
      setBusy(false);
    }
  };
  return {
    isBusy,
    run,
    askAndRun: async (name, question, deed) => {
      const value = await ask(question);
      return value === undefined ? undefined : run(name, deed(value));
    },
  };
}
