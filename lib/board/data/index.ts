export { BoardData, type BoardFile, type DataViewName } from './board-data.js';
export type { BoardSource } from './board-source.js';
export { PAYLOAD_OPTIONS, type PayloadOptions } from './payload-options.js';
