export type {
  MaskedMessage as BoardMaskedMessage,
  MaskResult as BoardMaskResult,
  PayloadOptions as BoardPayloadOptions,
} from './data/index.js';
export type { BoardAccess, BoardAccessContext, BoardAccessRule, BoardAction } from './http/index.js';
export type { BoardActionName } from './model/index.js';
export {
  type BoardAsyncOptions,
  type BoardExtras,
  type BoardOptions,
  JetStreamBoardModule,
} from './module/index.js';
