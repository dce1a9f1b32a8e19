export type { AsyncApiChange } from './change.interface.js';
export { compareAsyncApiDocuments } from './compare-documents.js';
