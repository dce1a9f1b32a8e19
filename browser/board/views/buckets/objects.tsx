import type { JSX } from 'preact';
import type { ObjectRow } from '../../../../lib/board/model/index.js';
import { fileAddress } from '../../api/requests.js';
import { DataTable } from '../../parts/data-table.js';
import { Pager } from '../../parts/pager.js';
import { Content, Screen } from '../../parts/screen.js';
import { When } from '../../parts/when.js';
import { useBoard, useLink } from '../../state/board.js';
import type { Route } from '../../state/route.js';
import { useView } from '../../state/use-view.js';
import { bytes, count } from '../../text/format.js';
import { visibleLine } from '../../text/visible.js';

/** The objects of a store. */
export function Objects({ route: { path, query } }: { readonly route: Route }): JSX.Element {
  const { connection, session } = useBoard();
  const link = useLink();
  const [, bucket = ''] = path;
  const { after } = query;
  const loaded = useView('objects', { connection, bucket, after, limit: undefined });
  const name = (row: ObjectRow): JSX.Element | string =>
    session.download && row.link === undefined ? (
      <a href={fileAddress('object', { connection, bucket, name: row.name })} download>
        {visibleLine(row.name)}
      </a>
    ) : (
      visibleLine(row.name)
    );
  return (
    <Screen title={`Object store ${bucket}`} up={{ title: 'Buckets', href: link(['buckets']) }}>
      <Content loaded={loaded}>
        {(page) => (
          <>
            <DataTable
              caption={session.download ? 'Objects; the name downloads the object' : 'Objects'}
              rows={page.rows}
              keyOf={(row) => row.name}
              empty="There are no objects."
              columns={[
                { title: 'Object', cell: name },
                { title: 'Size', isNumber: true, cell: ({ size }) => bytes(size) },
                { title: 'Chunks', isNumber: true, cell: ({ chunks }) => count(chunks) },
                { title: 'Written', cell: ({ time }) => <When time={time} /> },
                { title: 'Description', cell: ({ description }) => visibleLine(description ?? '', 200) },
                { title: 'Metadata', cell: ({ metadata = {} }) => visibleLine(pairsOf(metadata), 200) },
                { title: 'Digest', cell: ({ digest }) => visibleLine(digest ?? '–') },
                { title: 'Links to', cell: (row) => visibleLine(row.link ?? '–') },
              ]}
            />
            <Pager
              of="objects"
              page={page}
              isFirst={after === undefined}
              linkTo={(next) => link(['objects', bucket], { after: next })}
            />
          </>
        )}
      </Content>
    </Screen>
  );
}

function pairsOf(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}: ${value}`)
    .join(', ');
}
