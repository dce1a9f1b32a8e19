import type { AsyncApiDocument } from './asyncapi-document.interface.js';
import { yamlText } from './yaml-text.js';

/** The forms in which a document is written. */
export type DocumentFormat = 'json' | 'yaml';

/** A document as text. */
export function documentText(document: AsyncApiDocument, format: DocumentFormat): string {
  return format === 'json' ? `${JSON.stringify(document, null, 2)}\n` : yamlText(document);
}
