import type { JSX } from 'preact';
import type { DeadLetterRow } from '../../../../lib/board/model/index.js';
import { DataTable } from '../../parts/data-table.js';
import { When } from '../../parts/when.js';
import { useLink } from '../../state/board.js';
import { bytes, count } from '../../text/format.js';
import { visibleLine } from '../../text/visible.js';
import { DeadLetterCommands } from './dead-letter-commands.js';

/** Dead letters as a table: of a list, or found by a search. */
export function DeadLetterTable({
  caption,
  rows,
  empty,
  after,
}: {
  readonly caption: string;
  readonly rows: readonly DeadLetterRow[];
  readonly empty: string;
  /** Is called when a dead letter was replayed or dropped. */
  readonly after: () => void;
}): JSX.Element {
  const link = useLink();
  return (
    <DataTable
      caption={caption}
      rows={rows}
      keyOf={({ sequence }) => sequence}
      empty={empty}
      columns={[
        {
          title: 'Dead letter',
          cell: ({ sequence }) => <a href={link(['dead-letters', String(sequence)])}>{String(sequence)}</a>,
        },
        { title: 'Time', cell: ({ time }) => <When time={time} /> },
        { title: 'Handler', cell: ({ handler }) => visibleLine(handler, 100) },
        { title: 'Subject', cell: ({ subject }) => visibleLine(subject, 100) },
        { title: 'Reason', cell: ({ reason }) => visibleLine(reason, 100) },
        { title: 'Error', cell: ({ error }) => <span class="clamp">{visibleLine(error, 300)}</span> },
        { title: 'Deliveries', isNumber: true, cell: ({ deliveries }) => count(deliveries) },
        { title: 'Size', isNumber: true, cell: ({ size }) => bytes(size) },
        { title: 'Commands', cell: (row) => <DeadLetterCommands letter={row} after={after} /> },
      ]}
    />
  );
}
