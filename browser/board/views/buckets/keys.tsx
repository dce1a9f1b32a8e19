import type { JSX } from 'preact';
import { DataTable } from '../../parts/data-table.js';
import { Filters } from '../../parts/filters.js';
import { Pager } from '../../parts/pager.js';
import { Content, Screen } from '../../parts/screen.js';
import { When } from '../../parts/when.js';
import { useBoard, useLink } from '../../state/board.js';
import type { Route } from '../../state/route.js';
import { goTo } from '../../state/use-route.js';
import { useView } from '../../state/use-view.js';
import { bytes } from '../../text/format.js';
import { visibleLine } from '../../text/visible.js';

/** The keys of a bucket. */
export function Keys({ route: { path, query } }: { readonly route: Route }): JSX.Element {
  const { connection } = useBoard();
  const link = useLink();
  const [, bucket = ''] = path;
  const { after, filter } = query;
  const loaded = useView('keys', { connection, bucket, filter, after, limit: undefined });
  return (
    <Screen title={`Bucket ${bucket}`} up={{ title: 'Buckets', href: link(['buckets']) }}>
      <Filters
        label="Keys"
        fields={[{ name: 'filter', label: 'Key or filter', placeholder: 'users.>' }]}
        values={{ filter: filter ?? '' }}
        onApply={(values) => goTo(link(['buckets', bucket], values))}
      />
      <Content loaded={loaded}>
        {(page) => (
          <>
            <DataTable
              caption="Keys in the order in which they were written"
              rows={page.rows}
              keyOf={({ key }) => key}
              empty="There are no such keys."
              columns={[
                {
                  title: 'Key',
                  cell: ({ key }) => <a href={link(['buckets', bucket, key])}>{visibleLine(key)}</a>,
                },
                { title: 'Revision', isNumber: true, cell: ({ revision }) => String(revision) },
                { title: 'Operation', cell: ({ operation }) => visibleLine(operation) },
                { title: 'Size', isNumber: true, cell: ({ size }) => bytes(size) },
                { title: 'Written', cell: ({ time }) => <When time={time} /> },
              ]}
            />
            <Pager
              of="keys"
              page={page}
              isFirst={after === undefined}
              linkTo={(next) => link(['buckets', bucket], { filter, after: next })}
            />
          </>
        )}
      </Content>
    </Screen>
  );
}
