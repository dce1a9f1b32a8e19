/** The values in the HTML of the board. */
export interface BoardHtml {
  readonly title: string;
  /** The address of the page's own files, relative to the address of the page, such as `board/`. */
  readonly base: string;
  /** The addresses of style and script, relative to `base`. */
  readonly style: string;
  readonly script: string;
}

/** The page: without inline scripts and styles, which its Content-Security-Policy forbids. */
export function boardHtml({ title, base, style, script }: BoardHtml): string {
  const head = [
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escaped(title)}</title>`,
    // Without it, browsers request /favicon.ico.
    '<link rel="icon" href="data:,">',
    `<link rel="stylesheet" href="${escaped(base + style)}">`,
    `<script type="module" src="${escaped(base + script)}"></script>`,
  ];
  return (
    `<!doctype html>\n<html lang="en" data-base="${escaped(base)}">\n<head>\n${head.join('\n')}\n</head>\n` +
    '<body>\n<div id="board"></div>\n<noscript><p>This page needs JavaScript.</p></noscript>\n</body>\n</html>\n'
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
