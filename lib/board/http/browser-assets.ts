import type { Asset } from '../../pages/index.js';

/** The scripts and styles of the page, by their names. */
export const BOARD_ASSETS: ReadonlyMap<string, Asset> = new Map([
  ['board.css', { type: 'text/css; charset=utf-8', hash: 'none', text: '' }],
  ['board.js', { type: 'text/javascript; charset=utf-8', hash: 'none', text: '' }],
]);
