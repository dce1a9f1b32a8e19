/** The values in the HTML that all pages have in common. */
export interface HtmlPage {
  readonly title: string;
  /** The address of the page's own files, relative to the address of the page, such as `board/`. */
  readonly base: string;
  /** The addresses of style sheets, relative to `base`. */
  readonly styles: readonly string[];
  /** The address of the script, a module, relative to `base`. */
  readonly script: string;
  /** Further elements of the head. */
  readonly head?: readonly string[];
  /** The elements of the body. */
  readonly body: readonly string[];
}

/** The HTML of a page: without inline scripts and styles, which its Content-Security-Policy forbids. */
export function htmlPage({ title, base, styles, script, head = [], body }: HtmlPage): string {
  const elements = [
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escapedHtml(title)}</title>`,
    // Without it, browsers request /favicon.ico.
    '<link rel="icon" href="data:,">',
    ...styles.map((style) => `<link rel="stylesheet" href="${escapedHtml(base + style)}">`),
    ...head,
    `<script type="module" src="${escapedHtml(base + script)}"></script>`,
  ];
  return (
    `<!doctype html>\n<html lang="en" data-base="${escapedHtml(base)}">\n<head>\n${elements.join('\n')}\n</head>\n` +
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

/** Text for elements and attributes in double quotes. */
export function escapedHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
