import type { JSX } from 'preact';
import type { BucketRow } from '../../../../lib/board/model/index.js';
import { DataTable } from '../../parts/data-table.js';
import { Pager } from '../../parts/pager.js';
import { Content } from '../../parts/screen.js';
import { useBoard, useLink } from '../../state/board.js';
import { useView } from '../../state/use-view.js';
import { bytes, count, duration } from '../../text/format.js';
import { visibleLine } from '../../text/visible.js';

/** One page of the buckets of a kind. Both kinds have a page in the address. */
export function BucketList({
  kind,
  title,
  query,
  name,
}: {
  readonly kind: BucketRow['kind'];
  readonly title: string;
  readonly query: Readonly<Record<string, string>>;
  /** Its parameter in the address. */
  readonly name: 'keys' | 'objects';
}): JSX.Element {
  const { connection } = useBoard();
  const link = useLink();
  const after = query[name];
  const loaded = useView('buckets', { connection, kind, after, limit: undefined });
  return (
    <section>
      <h2>{title}</h2>
      <Content loaded={loaded}>
        {(page) => (
          <>
            <DataTable
              caption={`${title} by name`}
              rows={page.rows}
              keyOf={(row) => row.name}
              empty="There are none."
              columns={[
                {
                  title: 'Bucket',
                  cell: (row) => (
                    <a href={link([kind === 'key-value' ? 'buckets' : 'objects', row.name])}>
                      {visibleLine(row.name)}
                    </a>
                  ),
                },
                { title: 'Description', cell: ({ description }) => visibleLine(description ?? '', 100) },
                { title: 'Entries', isNumber: true, cell: ({ entries }) => count(entries) },
                { title: 'Size', isNumber: true, cell: (row) => bytes(row.bytes) },
                {
                  title: 'History',
                  isNumber: true,
                  cell: ({ history }) => (history === undefined ? '–' : count(history)),
                },
                {
                  title: 'TTL',
                  isNumber: true,
                  cell: ({ ttl }) => (ttl === undefined || ttl === 0 ? '–' : duration(ttl)),
                },
                {
                  title: 'Storage',
                  cell: ({ storage, sealed }) =>
                    `${visibleLine(storage)}${sealed === true ? ', sealed' : ''}`,
                },
                { title: 'Replicas', isNumber: true, cell: ({ replicas }) => count(replicas) },
              ]}
            />
            <Pager
              of={title}
              page={page}
              isFirst={after === undefined}
              linkTo={(next) => link(['buckets'], { ...query, [name]: next })}
            />
          </>
        )}
      </Content>
    </section>
  );
}
