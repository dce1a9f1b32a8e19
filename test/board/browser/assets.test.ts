import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { BOARD_ASSETS } from '../../../lib/board/http/browser-assets.js';
import { hashOf } from '../../../lib/pages/index.js';
import { runCommand } from '../../compat/run-command.js';

const repository = fileURLToPath(new URL('../../../', import.meta.url));
const MOST_BYTES = 80_000;

const scripts = readdirSync(join(repository, 'browser/board'), { recursive: true, encoding: 'utf8' })
  .filter((file) => /\.tsx?$/.test(file))
  .map((file) => [file, readFileSync(join(repository, 'browser/board', file), 'utf8')] as const);

describe('the assets of the board', () => {
  it('are those in the folder browser', async () => {
    await expect(
      runCommand(process.execPath, ['scripts/page-assets.mjs', '--check'], repository),
    ).resolves.toBe('');
  });

  it('have the hash of their content, and are below 80 KB as they are sent compressed', () => {
    for (const { text, hash } of BOARD_ASSETS.values()) expect(hashOf(text)).toBe(hash);
    const sizes = [...BOARD_ASSETS.values()].map(({ text }) => gzipSync(text).length);
    expect(sizes.every((size) => size > 500)).toBe(true);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(MOST_BYTES);
  });

  it('contain the license of the bundled package', () => {
    expect(BOARD_ASSETS.get('board.js')?.text).toMatch(/^\/\*!\npreact\n[^]*MIT License[^]*Jason Miller/);
  });

  it('run no text as code, and load nothing from elsewhere', () => {
    for (const [name, { text }] of BOARD_ASSETS) {
      expect(text, name).not.toMatch(/\beval\(|new Function\b|Function\(|document\.write|\bimport\(/);
      // The names of XML languages are not requested.
      const hosts = (text.match(/(?:https?:)?\/\/[a-z][a-z0-9.-]+\.[a-z]{2,}\b/gi) ?? []).filter(
        (address) => address !== 'http://www.w3.org',
      );
      expect(hosts, name).toEqual([]);
    }
  });

  it.each(scripts)('%s writes text only, never HTML', (_, source) => {
    expect(source).not.toMatch(
      /innerHTML|outerHTML|insertAdjacentHTML|createContextualFragment|DOMParser|srcdoc|document\.write/i,
    );
    // Attributes "style" in HTML are forbidden by the policy; a link could run a script.
    expect(source).not.toMatch(/\bstyle=|javascript:|target="_blank"/i);
  });
});
