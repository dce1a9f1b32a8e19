import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';

it('docs/health.md shows the manifest of docs/kubernetes.yaml', async () => {
  const [page, manifest] = await Promise.all(
    ['health.md', 'kubernetes.yaml'].map((file) =>
      readFile(new URL(`../../docs/${file}`, import.meta.url), 'utf8'),
    ),
  );
  expect(/```yaml\n([^]*?)```/.exec(page ?? '')?.[1]).toBe(manifest);
});
