import type { JSX } from 'preact';
import { Configuration } from '../../parts/configuration.js';
import { Facts } from '../../parts/facts.js';
import { Content, Screen } from '../../parts/screen.js';
import { When } from '../../parts/when.js';
import { useBoard, useLink } from '../../state/board.js';
import type { Route } from '../../state/route.js';
import { useView } from '../../state/use-view.js';
import { bytes, count } from '../../text/format.js';
import { visibleLine } from '../../text/visible.js';
import { Consumers } from './consumers.js';

const REFRESH = 5_000;

/** A stream with its consumers. */
export function Stream({ route: { path, query } }: { readonly route: Route }): JSX.Element {
  const { connection } = useBoard();
  const link = useLink();
  const [, stream = ''] = path;
  const loaded = useView('stream', { connection, stream }, REFRESH);
  return (
    <Screen title={stream} up={{ title: 'Streams', href: link(['streams']) }}>
      <Content loaded={loaded}>
        {(row) => (
          <>
            <Facts
              facts={[
                ['Subjects', visibleLine(row.subjects.join(', '))],
                ['Messages', count(row.messages)],
                ['Size', bytes(row.bytes)],
                ['Sequences', `${row.firstSequence} to ${row.lastSequence}`],
                ['Last message', row.lastTime === undefined ? undefined : <When time={row.lastTime} />],
                ['Storage', visibleLine(row.storage)],
                ['Retention', visibleLine(row.retention)],
                ['Replicas', count(row.replicas)],
                ['Leader', row.leader === undefined ? undefined : visibleLine(row.leader)],
                ['Created', <When time={row.created} />],
              ]}
            />
            <p>
              <a href={link(['streams', stream, 'messages'])}>Messages</a>
              {' · '}
              <a href={link(['dead-letters'], { stream })}>Dead letters of this stream</a>
            </p>
            <Configuration config={row.config} />
          </>
        )}
      </Content>
      <Consumers stream={stream} after={query.after} />
    </Screen>
  );
}
