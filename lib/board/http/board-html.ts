import { htmlPage } from '../../pages/index.js';

/** The values in the HTML of the board. */
export interface BoardHtml {
  readonly title: string;
  /** The address of the page's own files, relative to the address of the page, such as `board/`. */
  readonly base: string;
  /** The addresses of style and script, relative to `base`. */
  readonly style: string;
  readonly script: string;
}

/** The HTML of the board, whose content its script creates. */
export function boardHtml({ style, ...page }: BoardHtml): string {
  const body = ['<div id="board"></div>', '<noscript><p>This page needs JavaScript.</p></noscript>'];
  return htmlPage({ ...page, styles: [style], body });
}
