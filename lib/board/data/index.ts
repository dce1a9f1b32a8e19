export type { BoardFile, DataViewName } from './answers.js';
export { BoardData } from './board-data.js';
export type { BoardSource } from './board-source.js';
export {
  type MaskedMessage,
  type MaskResult,
  PAYLOAD_OPTIONS,
  type PayloadOptions,
} from './payloads/index.js';
