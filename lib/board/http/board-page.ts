import { type Asset, hashOf, type PageContent } from '../../pages/index.js';
import { boardHtml } from './board-html.js';
import { BOARD_ASSETS } from './browser-assets.js';

const STYLE = 'board.css';
const SCRIPT = 'board.js';

/** The files of the page. */
export class BoardPage {
  constructor(private readonly title: string) {}

  /** @param base the address of the page's files, relative to that of the page */
  html(base: string): PageContent {
    const text = boardHtml({
      title: this.title,
      base,
      style: addressOf(STYLE),
      script: addressOf(SCRIPT),
    });
    return { type: 'text/html; charset=utf-8', text, hash: hashOf(text) };
  }

  /** A file of the page by its name; `undefined` if there is none. No name leads to a file that is not listed. */
  asset(name: string): Asset | undefined {
    return BOARD_ASSETS.get(name);
  }
}

function addressOf(name: string): string {
  return `assets/${name}?v=${BOARD_ASSETS.get(name)?.hash ?? ''}`;
}
