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

/** The page: without inline scripts and styles, which its Content-Security-Policy forbids. */
export function pageHtml(page: PageHtml): string {
  const { title, base, viewer } = page;
  const file = (name: string): string => escaped(base + name);
  const head = [
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escaped(title)}</title>`,
    // Without it, browsers request /favicon.ico.
    '<link rel="icon" href="data:,">',
    ...(viewer === undefined ? [] : [`<link rel="stylesheet" href="${file(viewer.style)}">`]),
    `<link rel="stylesheet" href="${file(page.style)}">`,
    ...(viewer === undefined ? [] : [`<script defer src="${file(viewer.script)}"></script>`]),
    `<script type="module" src="${file(page.script)}"></script>`,
  ];
  const body = [
    '<a class="skip" href="#document">Skip to the document</a>',
    `<header class="bar"><h1>${escaped(title)}</h1><nav aria-label="Formats">`,
    `<a href="${file('asyncapi.json')}">JSON</a> <a href="${file('asyncapi.yaml')}">YAML</a></nav></header>`,
    ...(page.tryIt ? ['<section id="try-it" aria-label="Try it" hidden></section>'] : []),
    '<main id="document" tabindex="-1">',
    viewer === undefined
      ? `<p class="notice">${escaped(page.missing)}</p><div id="outline"></div>`
      : '<div id="viewer"><p class="notice">Loading the document …</p></div>',
    '<noscript><p class="notice">This page needs JavaScript. The document is also available as JSON and YAML.</p></noscript>',
    '</main>',
  ];
  return (
    `<!doctype html>\n<html lang="en" data-base="${escaped(base)}">\n<head>\n${head.join('\n')}\n</head>\n` +
    `<body>\n${body.join('\n')}\n</body>\n</html>\n`
  );
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
