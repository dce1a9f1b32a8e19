import type { JSX } from 'preact';
import type { BoardViewName } from '../../../lib/board/model/index.js';
import { Screen } from '../parts/screen.js';
import type { Route } from '../state/route.js';
import { Buckets } from './buckets/buckets.js';
import { Entry } from './buckets/entry.js';
import { Keys } from './buckets/keys.js';
import { Objects } from './buckets/objects.js';
import { DeadLetter } from './dead-letters/dead-letter.js';
import { DeadLetters } from './dead-letters/dead-letters.js';
import { Job } from './dead-letters/job.js';
import { Events } from './events.js';
import { Flow } from './flow/flow.js';
import { Handler } from './handlers/handler.js';
import { Handlers } from './handlers/handlers.js';
import { Instances } from './instances.js';
import { Schedules } from './schedules.js';
import { Messages } from './streams/messages.js';
import { Stream } from './streams/stream.js';
import { Streams } from './streams/streams.js';

/** The entries of the navigation. */
export const SECTIONS: readonly { readonly title: string; readonly view: BoardViewName }[] = [
  { title: 'Handlers', view: 'handlers' },
  { title: 'Streams', view: 'streams' },
  { title: 'Dead letters', view: 'dead-letters' },
  { title: 'Buckets', view: 'buckets' },
  { title: 'Schedules', view: 'schedules' },
  { title: 'Flow', view: 'flow' },
  { title: 'Instances', view: 'instances' },
  { title: 'Events', view: 'events' },
];

/** The section to which a route belongs. */
export function sectionOf({ path: [first] }: Route): string {
  if (first === 'objects') return 'buckets';
  return first === 'jobs' ? 'dead-letters' : (first ?? '');
}

/** The view of a route. Views keep their state while only parameters change. */
export function ViewOf({ route }: { readonly route: Route }): JSX.Element {
  const { path } = route;
  const [first, second, third] = path;
  const key = JSON.stringify(path);
  switch (first) {
    case 'handlers':
      return second === undefined ? <Handlers /> : <Handler key={key} route={route} />;
    case 'streams':
      if (second === undefined) return <Streams route={route} />;
      return third === 'messages' ? <Messages key={key} route={route} /> : <Stream key={key} route={route} />;
    case 'dead-letters':
      return second === undefined ? <DeadLetters route={route} /> : <DeadLetter key={key} route={route} />;
    case 'jobs':
      if (second !== undefined) return <Job key={key} route={route} />;
      break;
    case 'buckets':
      if (second === undefined) return <Buckets route={route} />;
      return third === undefined ? <Keys key={key} route={route} /> : <Entry key={key} route={route} />;
    case 'objects':
      if (second !== undefined) return <Objects key={key} route={route} />;
      break;
    case 'schedules':
      return <Schedules />;
    case 'flow':
      return <Flow />;
    case 'instances':
      return <Instances />;
    case 'events':
      return <Events />;
  }
  return (
    <Screen title="Not found">
      <p>The board has no such view. Choose one above.</p>
    </Screen>
  );
}
