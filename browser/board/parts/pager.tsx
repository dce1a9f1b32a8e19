import type { JSX } from 'preact';
import type { PageOf } from '../../../lib/board/model/index.js';
import { count } from '../text/format.js';

/** The links to the first and the next page of a list. Browser back leads to the previous one. */
export function Pager({
  of,
  page: { next, rows, total },
  linkTo,
  isFirst,
}: {
  /** What the list contains. */
  readonly of: string;
  readonly page: PageOf<unknown>;
  /** The address of the page after a row; `undefined`: of the first page. */
  readonly linkTo: (after: string | undefined) => string;
  readonly isFirst: boolean;
}): JSX.Element {
  return (
    <nav class="pager" aria-label={`Pages of ${of}`}>
      <span class="quiet">
        {count(rows.length)} shown{total !== undefined && ` of ${count(total)}`}
      </span>
      {!isFirst && <a href={linkTo(undefined)}>First page</a>}
      {next !== undefined && <a href={linkTo(next)}>Next page</a>}
    </nav>
  );
}
