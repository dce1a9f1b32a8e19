import { Readable } from 'node:stream';
import type { BoardFile } from './answers.js';

/** A file whose content is in memory. */
export function wholeFile(fileName: string, data: Uint8Array): BoardFile {
  return { fileName, size: data.length, content: Readable.from([data]) };
}
