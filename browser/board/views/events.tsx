import type { JSX } from 'preact';
import { DataTable } from '../parts/data-table.js';
import { Screen } from '../parts/screen.js';
import { When } from '../parts/when.js';
import { useFeed } from '../state/board.js';
import { visibleLine } from '../text/visible.js';

/** What happened to connections and handlers, and who used the board, live. */
export function Events(): JSX.Element {
  const { events } = useFeed();
  return (
    <Screen title="Events">
      <DataTable
        caption="Events since a page of the board was first opened, newest first, up to 500"
        rows={events.map((event, index) => ({ ...event, key: events.length - index }))}
        keyOf={({ key }) => key}
        empty="There are no events yet."
        columns={[
          { title: 'Time', cell: ({ time }) => <When time={time} /> },
          { title: 'Event', cell: ({ type }) => visibleLine(type) },
          { title: 'Handler', cell: ({ handler }) => visibleLine(handler ?? '–', 100) },
          { title: 'Source', cell: ({ source }) => visibleLine(source ?? '–', 100) },
          { title: 'By', cell: ({ by }) => visibleLine(by ?? '–', 200) },
          { title: 'Text', cell: ({ text }) => <span class="clamp">{visibleLine(text)}</span> },
          { title: 'Connection', cell: ({ connection }) => visibleLine(connection ?? '–', 100) },
        ]}
      />
    </Screen>
  );
}
