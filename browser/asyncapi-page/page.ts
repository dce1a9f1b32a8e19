// The script of the AsyncAPI page. Its address leads to the other files of the page.
import { showTryIt } from './try-it.js';
import { outlineOf, parsedDocument } from './viewer-document.js';

/** The viewer, a script of its own that is loaded before this one, if it is installed. */
declare const AsyncApiStandalone:
  { render(props: { schema: unknown; config: unknown }, container: Element): void } | undefined;

const base = document.documentElement.dataset.base ?? './';

async function main(): Promise<void> {
  const viewer = document.getElementById('viewer');
  const outline = document.getElementById('outline');
  const tryIt = document.getElementById('try-it');
  if (tryIt !== null) void showTryIt(tryIt, base);
  try {
    const response = await fetch(`${base}asyncapi.json`);
    if (!response.ok) throw new Error(`The document cannot be loaded: status ${response.status}.`);
    const spec: unknown = await response.json();
    if (outline !== null) outline.append(...outlineOf(spec).map(paragraph));
    if (viewer === null) return;
    if (typeof AsyncApiStandalone === 'undefined') throw new Error('The viewer cannot be loaded.');
    viewer.replaceChildren();
    const config = { show: { sidebar: true, errors: true }, expand: { messageExamples: false } };
    AsyncApiStandalone.render({ schema: parsedDocument(spec), config }, viewer);
  } catch (error) {
    (viewer ?? outline)?.replaceChildren(paragraph(error instanceof Error ? error.message : String(error)));
  }
}

function paragraph(text: string): Element {
  const element = document.createElement('p');
  element.className = 'notice';
  element.textContent = text;
  return element;
}

void main();
