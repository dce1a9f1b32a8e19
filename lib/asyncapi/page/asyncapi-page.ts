import type { INestApplicationContext } from '@nestjs/common';
import { type Asset, hashOf, type PageContent } from '../../pages/index.js';
import {
  type AsyncApiDocument,
  createAsyncApiDocument,
  type DocumentFormat,
  documentText,
} from '../document/index.js';
import { PAGE_ASSETS } from './browser-assets.js';
import { pageHtml } from './page-html.js';
import type { AsyncApiPageOptions } from './page-options.js';
import { readViewer, type Viewer, VIEWER_PACKAGE } from './viewer-files.js';

const VIEWER_STYLE = 'viewer.css';
const VIEWER_SCRIPT = 'viewer.js';
const STYLE = 'page.css';
const SCRIPT = 'page.js';

const TYPES: Readonly<Record<DocumentFormat, string>> = {
  json: 'application/json; charset=utf-8',
  yaml: 'application/yaml; charset=utf-8',
};

/** The contents of a page: the document, which is created and written once when it is first needed, and what shows it. */
export class AsyncApiPage {
  private created: Promise<AsyncApiDocument> | undefined;
  private readonly written = new Map<DocumentFormat, Promise<PageContent>>();
  private viewer: Promise<Viewer | undefined> | undefined;

  constructor(
    private readonly app: Pick<INestApplicationContext, 'get'>,
    private readonly options: AsyncApiPageOptions,
  ) {}

  /** The document. A failure is not kept. */
  document(): Promise<AsyncApiDocument> {
    if (this.created === undefined) {
      const { access: _, public: __, tryIt: ___, ...options } = this.options;
      const created = createAsyncApiDocument(this.app as INestApplicationContext, options);
      created.catch(() => (this.created = undefined));
      this.created = created;
    }
    return this.created;
  }

  /** The document as text. A failure is not kept. */
  text(format: DocumentFormat): Promise<PageContent> {
    let text = this.written.get(format);
    if (text === undefined) {
      text = this.write(format);
      text.catch(() => this.written.delete(format));
      this.written.set(format, text);
    }
    return text;
  }

  /** @param base the address of the page's files, relative to that of the page */
  async html(base: string): Promise<PageContent> {
    const viewer = await this.readViewer();
    const text = pageHtml({
      title: `${this.options.info.title} ${this.options.info.version}`,
      base,
      style: addressOf(STYLE, PAGE_ASSETS.get(STYLE)),
      script: addressOf(SCRIPT, PAGE_ASSETS.get(SCRIPT)),
      viewer: viewer && {
        style: addressOf(VIEWER_STYLE, viewer.style),
        script: addressOf(VIEWER_SCRIPT, viewer.script),
      },
      missing:
        `The document is available as JSON and YAML. To read it on this page, install the package ${VIEWER_PACKAGE} in the ` +
        'application, and start it again.',
      tryIt: this.options.tryIt !== undefined,
    });
    return { type: 'text/html; charset=utf-8', text, hash: hashOf(text) };
  }

  /** A file of the page by its name; `undefined` if there is none. No name leads to a file that is not listed here. */
  async asset(name: string): Promise<Asset | undefined> {
    const own = PAGE_ASSETS.get(name);
    if (own !== undefined) return own;
    if (name !== VIEWER_SCRIPT && name !== VIEWER_STYLE) return undefined;
    const viewer = await this.readViewer();
    return name === VIEWER_SCRIPT ? viewer?.script : viewer?.style;
  }

  private async write(format: DocumentFormat): Promise<PageContent> {
    const text = documentText(await this.document(), format);
    return { type: TYPES[format], text, hash: hashOf(text) };
  }

  private readViewer(): Promise<Viewer | undefined> {
    this.viewer ??= readViewer();
    return this.viewer;
  }
}

function addressOf(name: string, asset: Asset | undefined): string {
  return `assets/${name}?v=${asset?.hash ?? ''}`;
}
