import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { hashOf } from '../../../lib/pages/index.js';
import { PAGE_ASSETS } from '../../../lib/asyncapi/page/browser-assets.js';
import { runCommand } from '../../compat/run-command.js';

const repository = fileURLToPath(new URL('../../../', import.meta.url));

describe('the assets of the page', () => {
  it('are those in the folder browser', async () => {
    await expect(
      runCommand(process.execPath, ['scripts/page-assets.mjs', '--check'], repository),
    ).resolves.toBe('');
  });

  it('have the hash of their content, and are small', () => {
    for (const { text, hash } of PAGE_ASSETS.values()) expect(hashOf(text)).toBe(hash);
    const size = [...PAGE_ASSETS.values()].reduce((sum, { text }) => sum + text.length, 0);
    expect(size).toBeLessThan(20_000);
  });
});
