import type { JSX } from 'preact';
import { fileAddress } from '../../api/requests.js';
import { HeaderList, Payload } from '../../parts/payload.js';
import { Content, Screen } from '../../parts/screen.js';
import { When } from '../../parts/when.js';
import { useBoard, useLink } from '../../state/board.js';
import type { Route } from '../../state/route.js';
import { useView } from '../../state/use-view.js';
import { visibleLine } from '../../text/visible.js';

/** A key with its history, newest first. */
export function Entry({ route: { path } }: { readonly route: Route }): JSX.Element {
  const { connection } = useBoard();
  const link = useLink();
  const [, bucket = '', key = ''] = path;
  const loaded = useView('entry', { connection, bucket, key });
  return (
    <Screen title={key} up={{ title: `Bucket ${bucket}`, href: link(['buckets', bucket]) }}>
      <p class="buttons">
        <button type="button" onClick={loaded.reload}>
          Reload
        </button>
      </p>
      <Content loaded={loaded}>
        {({ revisions }) =>
          revisions.map(({ headers, operation, payload, revision, time }) => (
            <section key={revision}>
              <h2>
                Revision {revision} <span class="quiet">{visibleLine(operation)}</span>
              </h2>
              <p class="quiet">
                <When time={time} />
              </p>
              {headers.length > 0 && <HeaderList headers={headers} />}
              <Payload
                payload={payload}
                file={fileAddress('entry', { connection, bucket, key, revision: String(revision) })}
              />
            </section>
          ))
        }
      </Content>
    </Screen>
  );
}
