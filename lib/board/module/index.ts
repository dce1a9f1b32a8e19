export { JetStreamBoardModule } from './board.module.js';
export type { BoardAsyncOptions, BoardExtras, BoardOptions } from './board-options.js';
