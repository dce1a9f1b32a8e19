import type { JSX } from 'preact';
import { Filters } from '../../parts/filters.js';
import { Pager } from '../../parts/pager.js';
import { Content, Screen } from '../../parts/screen.js';
import { useBoard, useLink } from '../../state/board.js';
import type { Route } from '../../state/route.js';
import { goTo } from '../../state/use-route.js';
import { useView } from '../../state/use-view.js';
import { BulkActions } from './bulk-actions.js';
import { DeadLetterTable } from './dead-letter-table.js';
import { Jobs } from './jobs.js';
import { queryOf, SELECTION_FIELDS, selectionOf, valuesOf } from './selection.js';

const NONE = {
  stream: undefined,
  consumer: undefined,
  handler: undefined,
  reason: undefined,
  subject: undefined,
  since: undefined,
  until: undefined,
};

/** The dead letters, newest first, with the jobs that work on them. */
export function DeadLetters({ route: { query } }: { readonly route: Route }): JSX.Element {
  const { connection } = useBoard();
  const link = useLink();
  const selection = selectionOf(query);
  const { after } = query;
  const loaded = useView('dead-letters', { ...NONE, ...selection, connection, after, limit: undefined });
  return (
    <Screen title="Dead letters">
      <Filters
        label="Dead letters"
        fields={SELECTION_FIELDS}
        values={valuesOf(selection)}
        onApply={(values) => goTo(link(['dead-letters'], queryOf(values)))}
      />
      <p class="buttons">
        <button type="button" onClick={loaded.reload}>
          Reload
        </button>
      </p>
      <Content loaded={loaded}>
        {(page) => (
          <>
            <DeadLetterTable
              caption="Dead letters, newest first"
              rows={page.rows}
              empty={page.more ? 'None so far; the next page continues.' : 'There are no such dead letters.'}
              after={loaded.reload}
            />
            {page.more && (
              <p class="quiet">
                The server read as many dead letters as one request may. The next page continues behind them.
              </p>
            )}
            <Pager
              of="dead letters"
              page={page}
              isFirst={after === undefined}
              linkTo={(next) => link(['dead-letters'], { ...NONE, ...selection, after: next })}
            />
          </>
        )}
      </Content>
      <BulkActions selection={selection} />
      <Jobs />
    </Screen>
  );
}
