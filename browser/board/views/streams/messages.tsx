import type { JSX } from 'preact';
import { fileAddress } from '../../api/requests.js';
import { Filters } from '../../parts/filters.js';
import { Pager } from '../../parts/pager.js';
import { HeaderList, Payload } from '../../parts/payload.js';
import { Content, Screen } from '../../parts/screen.js';
import { When } from '../../parts/when.js';
import { useBoard, useLink } from '../../state/board.js';
import type { Route } from '../../state/route.js';
import { goTo } from '../../state/use-route.js';
import { useView } from '../../state/use-view.js';
import { bytes } from '../../text/format.js';
import { visibleLine } from '../../text/visible.js';

/** The messages of a stream, newest first. */
export function Messages({ route: { path, query } }: { readonly route: Route }): JSX.Element {
  const { connection } = useBoard();
  const link = useLink();
  const [, stream = ''] = path;
  const { after, subject } = query;
  const loaded = useView('messages', { connection, stream, subject, after, limit: undefined });
  const own = ['streams', stream, 'messages'];
  return (
    <Screen title={`Messages of ${stream}`} up={{ title: stream, href: link(['streams', stream]) }}>
      <Filters
        label="Messages"
        fields={[{ name: 'subject', label: 'Subject or filter', placeholder: 'orders.>' }]}
        values={{ subject: subject ?? '' }}
        onApply={(values) => goTo(link(own, values))}
      />
      <Content loaded={loaded}>
        {(page) => (
          <>
            {page.rows.length === 0 && <p class="quiet">There are no such messages.</p>}
            <ol class="cards">
              {page.rows.map((message) => (
                <li key={message.sequence}>
                  <details>
                    <summary>
                      <strong>{message.sequence}</strong> {visibleLine(message.subject, 200)}{' '}
                      <span class="quiet">
                        <When time={message.time} /> · {bytes(message.payload.size)}
                      </span>
                    </summary>
                    <HeaderList headers={message.headers} />
                    <Payload
                      payload={message.payload}
                      file={fileAddress('message', {
                        connection,
                        stream,
                        sequence: String(message.sequence),
                      })}
                    />
                  </details>
                </li>
              ))}
            </ol>
            <Pager
              of="messages"
              page={page}
              isFirst={after === undefined}
              linkTo={(next) => link(own, { subject, after: next })}
            />
          </>
        )}
      </Content>
    </Screen>
  );
}
