import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { KV_WATCH_OPTIONS } from '../../lib/handlers/options/known-options.js';
import { STREAM_DECLARATION_OPTIONS } from '../../lib/jetstream/provisioning/known-options.js';
import { FOR_ROOT_OPTIONS as BOARD_OPTIONS } from '../../lib/board/module/board-options.js';
import { STREAM_OPTIONS } from '../../lib/jetstream/streams/known-options.js';
import { DISCOVERY_OPTIONS } from '../../lib/discovery/index.js';
import { CLIENT_OPTIONS } from '../../lib/microservice/client/known-options.js';
import { SERVER_OPTIONS } from '../../lib/microservice/server/known-options.js';

/** The names in the first column of the table behind a sentence. */
function namesInTable(page: string, sentence: string): string[] {
  const table = page.split(sentence)[1]?.trimStart().split('\n\n')[0] ?? '';
  return [...table.matchAll(/^\| `([^`]+)`/gm)].map(([, name]) => name);
}

it('the guide lists each option of discovery', async () => {
  const page = await readFile(new URL('../../docs/discovery.md', import.meta.url), 'utf8');
  const listed = namesInTable(page, 'The options of `discovery` in `JetStreamModule.forRoot`:');
  expect(listed.toSorted()).toEqual(Object.keys(DISCOVERY_OPTIONS).toSorted());
});

it('the guide lists each option of the board', async () => {
  const page = await readFile(new URL('../../docs/board.md', import.meta.url), 'utf8');
  const listed = namesInTable(page, 'The options of `JetStreamBoardModule.forRoot`:');
  expect(listed.toSorted()).toEqual(Object.keys(BOARD_OPTIONS).toSorted());
});

it.each([
  ['JetStreamServer', SERVER_OPTIONS],
  ['JetStreamClient', CLIENT_OPTIONS],
])('the guide lists each option of a %s', async (name, options) => {
  const page = await readFile(new URL('../../docs/microservices.md', import.meta.url), 'utf8');
  const listed = namesInTable(page, `The options of a \`${name}\`; durations are in milliseconds:`);
  expect(listed.toSorted()).toEqual(Object.keys(options).toSorted());
});

it('the guide lists each option of a watch', async () => {
  const page = await readFile(new URL('../../docs/handlers.md', import.meta.url), 'utf8');
  const { connection: _, ...options } = KV_WATCH_OPTIONS;
  expect(namesInTable(page, 'and the watch continues.').toSorted()).toEqual(Object.keys(options).toSorted());
});

it('the guide lists each option that only the declaration of a stream has', async () => {
  const page = await readFile(new URL('../../docs/streams.md', import.meta.url), 'utf8');
  const own = Object.keys(STREAM_DECLARATION_OPTIONS).filter((name) => !(name in STREAM_OPTIONS));
  expect(namesInTable(page, 'a declaration has these:').toSorted()).toEqual(own.toSorted());
});
