import { escapedHtml, htmlPage } from '../../pages/index.js';

/** The values in the HTML of the page. */
export interface PageHtml {
  readonly title: string;
  /** The address of the page's own files, relative to the address of the page, such as `asyncapi/`. */
  readonly base: string;
  /** The addresses of the page's own style and script, relative to `base`. */
  readonly style: string;
  readonly script: string;
  /** Those of the viewer; `undefined` if it is not installed. */
  readonly viewer?: { readonly style: string; readonly script: string } | undefined;
  /** How to install the viewer. */
  readonly missing: string;
  readonly tryIt: boolean;
}

/** The HTML of the page that shows the document. */
export function pageHtml(page: PageHtml): string {
  const { title, base, viewer } = page;
  const file = (name: string): string => escapedHtml(base + name);
  const body = [
    '<a class="skip" href="#document">Skip to the document</a>',
    `<header class="bar"><h1>${escapedHtml(title)}</h1><nav aria-label="Formats">`,
    `<a href="${file('asyncapi.json')}">JSON</a> <a href="${file('asyncapi.yaml')}">YAML</a></nav></header>`,
    ...(page.tryIt ? ['<section id="try-it" aria-label="Try it" hidden></section>'] : []),
    '<main id="document" tabindex="-1">',
    viewer === undefined
      ? `<p class="notice">${escapedHtml(page.missing)}</p><div id="outline"></div>`
      : '<div id="viewer"><p class="notice">Loading the document …</p></div>',
    '<noscript><p class="notice">This page needs JavaScript. The document is also available as JSON and YAML.</p></noscript>',
    '</main>',
  ];
  const own = { title, base, script: page.script, body };
  if (viewer === undefined) return htmlPage({ ...own, styles: [page.style] });
  const head = [`<script defer src="${file(viewer.script)}"></script>`];
  return htmlPage({ ...own, styles: [viewer.style, page.style], head });
}
