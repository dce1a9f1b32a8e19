import type { JSX } from 'preact';
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { SessionView } from '../../lib/board/model/index.js';
import { LiveFeed } from './api/live-feed.js';
import { AskDialog, type Question } from './parts/ask-dialog.js';
import { MessagesBar, type Notice } from './parts/messages-bar.js';
import { TopBar } from './parts/top-bar.js';
import { type Board, BoardContext } from './state/board.js';
import { useRoute } from './state/use-route.js';
import { ViewOf } from './views/view-of.js';

interface Asked {
  readonly id: number;
  readonly question: Question;
  readonly answer: (value: string | undefined) => void;
}

let ids = 0;

/** The page of a user with access. */
export function App({ session }: { readonly session: SessionView }): JSX.Element {
  const route = useRoute();
  const { connection } = route.query;
  const [notice, setNotice] = useState<Notice>();
  const [asked, setAsked] = useState<Asked>();
  const main = useRef<HTMLElement>(null);
  const feed = useMemo(() => new LiveFeed(connection), [connection]);
  useEffect(() => {
    feed.start();
    return () => feed.close();
  }, [feed]);
  const tell = useCallback(
    (text: string, isFailure: boolean) => setNotice({ id: ids++, text, isFailure }),
    [],
  );
  const board = useMemo<Board>(
    () => ({
      session,
      connection,
      feed,
      announce: (text) => tell(text, false),
      fail: (text) => tell(text, true),
      ask: (question) =>
        new Promise((resolve) =>
          setAsked({
            id: ids++,
            question,
            answer: (value) => {
              setAsked(undefined);
              resolve(value);
            },
          }),
        ),
    }),
    [session, connection, feed],
  );
  return (
    <BoardContext.Provider value={board}>
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        Skip to the content
      </button>
      <TopBar route={route} />
      <main ref={main} tabIndex={-1}>
        <MessagesBar notice={notice} onClose={() => setNotice(undefined)} />
        <ViewOf route={route} />
      </main>
      {asked !== undefined && <AskDialog key={asked.id} question={asked.question} answer={asked.answer} />}
    </BoardContext.Provider>
  );
}
