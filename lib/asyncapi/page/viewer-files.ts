import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Asset, hashOf } from '../../pages/index.js';
import { installedFolder } from '../../reporting/index.js';

/** The official viewer of AsyncAPI documents. */
export const VIEWER_PACKAGE = '@asyncapi/react-component';

/** The variant without the parser of AsyncAPI: the document is created by this library, and needs no validation. */
const SCRIPT = 'browser/standalone/without-parser.js';
const STYLE = 'styles/default.min.css';

/** Browsers would request the source map; it is not served. */
const SOURCE_MAP = /^\s*(?:\/\/|\/\*)[#@]\s*sourceMappingURL=.*$/gm;

/**
 * The viewer contains validators of the parser that are compiled with `new Function` when it is loaded, and never used. The
 * policy of the page forbids that, so the viewer gets a `Function` that compiles nothing: its validators accept everything.
 * All other uses of `Function` are those of its prototype.
 */
const BEFORE = `(function (Function) {
`;
const AFTER = `
}).call(this, (function (Function) {
  function Inert() {
    if (arguments[arguments.length - 1] === 'return this') return function () { return globalThis; };
    return function () { return function () { return true; }; };
  }
  Inert.prototype = Function.prototype;
  return Inert;
})(Function));
`;

/** The files of the installed viewer. */
export interface Viewer {
  readonly script: Asset;
  readonly style: Asset;
}

/** Reads the files of the viewer; `undefined` if the package is not installed, or has other files. */
export async function readViewer(): Promise<Viewer | undefined> {
  const folder = installedFolder(VIEWER_PACKAGE);
  if (folder === undefined) return undefined;
  try {
    const [script, style] = await Promise.all([read(folder, SCRIPT), read(folder, STYLE)]);
    return {
      script: asset('text/javascript; charset=utf-8', BEFORE + script + AFTER),
      style: asset('text/css; charset=utf-8', style),
    };
  } catch {
    return undefined;
  }
}

async function read(folder: string, file: string): Promise<string> {
  return (await readFile(join(folder, file), 'utf8')).replace(SOURCE_MAP, '');
}

function asset(type: string, text: string): Asset {
  return { type, text, hash: hashOf(text) };
}
