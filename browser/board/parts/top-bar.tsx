import type { JSX } from 'preact';
import { useBoard, useLink } from '../state/board.js';
import { hashOf, type Route } from '../state/route.js';
import { goTo } from '../state/use-route.js';
import { visibleLine } from '../text/visible.js';
import { SECTIONS, sectionOf } from '../views/view-of.js';
import { LiveState } from './live-state.js';

/** The title, the navigation, the connection and the state of the data. */
export function TopBar({ route }: { readonly route: Route }): JSX.Element {
  const { session } = useBoard();
  const link = useLink();
  const current = sectionOf(route);
  return (
    <header class="bar">
      <p class="title">
        {visibleLine(session.title, 100)}
        {session.readOnly && <span class="quiet"> read-only</span>}
      </p>
      <nav aria-label="Views">
        <ul>
          {SECTIONS.filter(({ view }) => session.views.includes(view)).map(({ title, view }) => (
            <li key={view}>
              <a href={link([view])} aria-current={view === current ? 'page' : undefined}>
                {title}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <Connections route={route} />
      <LiveState />
    </header>
  );
}

function Connections({ route: { path } }: { readonly route: Route }): JSX.Element | null {
  const { connection, session } = useBoard();
  const { connections } = session;
  const [first] = connections;
  if (first === undefined) return <p class="quiet">No connection is open.</p>;
  if (connections.length === 1)
    return (
      <p class="quiet">
        {visibleLine(first.server === undefined ? 'not connected' : `nats-server ${first.server}`)}
      </p>
    );
  return (
    <label class="connection">
      Connection{' '}
      <select
        value={connection ?? first.name}
        onChange={({ currentTarget: { value } }) =>
          goTo(hashOf(path.slice(0, 1), { connection: value === first.name ? undefined : value }))
        }
      >
        {connections.map(({ connected, name, server }) => (
          <option key={name} value={name}>
            {visibleLine(`${name} (${connected ? (server ?? 'connected') : 'not connected'})`, 100)}
          </option>
        ))}
      </select>
    </label>
  );
}
