import { readFile } from 'node:fs/promises';
import { PackageNotInstalledError } from '../../errors/index.js';
import { errorText } from '../../reporting/index.js';
import { isObject } from '../../validation/index.js';
import { formatOf, UsageError } from './command-line.js';

/**
 * The content of a document in a file.
 *
 * @throws {@link UsageError} if it cannot be read; {@link PackageNotInstalledError} if `yaml` is missing
 */
export async function readDocument(file: string): Promise<unknown> {
  const parse = formatOf(file) === 'yaml' ? await yamlParser() : (text: string): unknown => JSON.parse(text);
  let document: unknown;
  try {
    document = parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new UsageError(`"${file}" cannot be read: ${errorText(error)}`);
  }
  if (isObject(document) && typeof document.asyncapi === 'string') return document;
  throw new UsageError(`"${file}" contains no AsyncAPI document. Write one with --output`);
}

async function yamlParser(): Promise<(text: string) => unknown> {
  try {
    const { parse } = await import('yaml');
    return (text) => parse(text) as unknown;
  } catch (cause) {
    throw new PackageNotInstalledError('yaml', 'The comparison with a document in YAML', 'use JSON', {
      cause,
    });
  }
}
