import { readFile } from 'node:fs/promises';
import { PackageNotInstalledError } from '../../errors/index.js';
import { errorText } from '../../reporting/index.js';
import type { AsyncApiDocument } from '../document/index.js';
import { type Format, formatOf, UsageError } from './command-line.js';

/** A document as text. @throws {@link PackageNotInstalledError} if `yaml` is missing */
export async function documentText(document: AsyncApiDocument, format: Format): Promise<string> {
  if (format === 'json') return `${JSON.stringify(document, null, 2)}\n`;
  const { stringify } = await loadYaml();
  return stringify(document, { lineWidth: 0, aliasDuplicateObjects: false });
}

/**
 * The content of a document in a file.
 *
 * @throws {@link UsageError} if it cannot be read; {@link PackageNotInstalledError} if `yaml` is missing
 */
export async function readDocument(file: string): Promise<unknown> {
  const yaml = formatOf(file) === 'yaml' ? await loadYaml() : undefined;
  try {
    const text = await readFile(file, 'utf8');
    return yaml === undefined ? (JSON.parse(text) as unknown) : (yaml.parse(text) as unknown);
  } catch (error) {
    throw new UsageError(`"${file}" cannot be read: ${errorText(error)}`);
  }
}

async function loadYaml() {
  try {
    return await import('yaml');
  } catch (cause) {
    throw new PackageNotInstalledError('yaml', 'A document in YAML', 'use JSON', { cause });
  }
}
