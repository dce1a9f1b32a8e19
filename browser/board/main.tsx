import { render } from 'preact';
import { messageOf } from './api/board-error.js';
import { readView } from './api/requests.js';
import { App } from './app.js';
import { visible } from './text/visible.js';

const place = document.getElementById('board');
if (place !== null) {
  try {
    const session = await readView('session', {});
    render(<App session={session} />, place);
  } catch (error) {
    render(
      <main>
        <h1>The board cannot be opened</h1>
        <p role="alert" class="failure">
          {visible(messageOf(error))}
        </p>
      </main>,
      place,
    );
  }
}
